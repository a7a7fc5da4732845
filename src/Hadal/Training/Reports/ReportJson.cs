using System.Text.Json.Serialization;

namespace Hadal.Training.Reports;

/// <summary>What the page's script reads of a plot.</summary>
internal sealed record PlotData(string XLabel, double Low, double High, SeriesData[] Series);

/// <summary>The points of a series; a gap is the string NaN or Infinity.</summary>
internal sealed record SeriesData(string Name, int Colour, double[] X, double[] Y);

/// <summary>What the page's script reads of a heat map: one character of base64 text decodes to one cell, column by column.</summary>
internal sealed record HeatData(string XLabel, string RowLabel, double[] X, int Rows, string Cells);

/// <summary>The data inside a page. The default encoder escapes all that is markup.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(PlotData))]
[JsonSerializable(typeof(HeatData))]
internal sealed partial class ReportJson : JsonSerializerContext;
