namespace Hadal.Training.Reports;

/// <summary>How a series of a plot is drawn.</summary>
internal enum SeriesForm
{
    /// <summary>A line.</summary>
    Line,

    /// <summary>A thin, pale line behind the others: the raw values of a smoothed line.</summary>
    Faint,

    /// <summary>A dot for each value, on a thin line.</summary>
    Points,
}

/// <summary>Values over x, which doesn't fall; y that isn't finite is a gap.</summary>
/// <param name="Name">The name in the legend.</param>
/// <param name="X">Where the values are.</param>
/// <param name="Y">The values, as many as <paramref name="X"/>.</param>
internal sealed record PlotSeries(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y)
{
    /// <summary>How it is drawn.</summary>
    public SeriesForm Form { get; init; }

    /// <summary>Whether the legend names it.</summary>
    public bool IsInLegend { get; init; } = true;

    /// <summary>Place in the page's list of colours; series that belong together share one.</summary>
    public int Colour { get; init; }
}

/// <summary>Series over one x axis, of whatever run.</summary>
/// <param name="Title">What is shown.</param>
/// <param name="XLabel">What x is, with its unit.</param>
/// <param name="YLabel">What y is, with its unit; empty where the title says it.</param>
/// <param name="Series">The series, in the order of drawing.</param>
internal sealed record LinePlot(string Title, string XLabel, string YLabel, IReadOnlyList<PlotSeries> Series)
{
    /// <summary>Whether equal distances on the y axis are equal ratios; values that aren't positive are gaps then.</summary>
    public bool LogY { get; init; }
}
