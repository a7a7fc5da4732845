namespace Hadal.Training.Reports;

/// <summary>Ratios to what is expected over x, in rows: 1 is neutral, the colours show how often above or below. Panels share the x axis.</summary>
/// <param name="Title">What is shown.</param>
/// <param name="XLabel">What x is.</param>
/// <param name="RowLabel">What a row is: "expert".</param>
/// <param name="X">Where the columns are.</param>
/// <param name="Panels">The maps.</param>
internal sealed record HeatMap(string Title, string XLabel, string RowLabel, IReadOnlyList<double> X, IReadOnlyList<HeatMapPanel> Panels);

/// <summary>One map of several.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Columns">Ratios, [columns][rows].</param>
internal sealed record HeatMapPanel(string Name, IReadOnlyList<IReadOnlyList<double>> Columns);
