using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Hadal.Training.Reports;

/// <summary>
/// Draws a line plot. The lines are an SVG stretched to whatever width there is, with strokes that keep theirs; the labels are text beside
/// it at places in per cent: so the page needs no script to fit a phone. The script adds the read-out of values.
/// </summary>
internal static class LinePlotHtml
{
    private const int MostPoints = 2000;

    // Side of the square that is stretched; a tenth of its unit is below a pixel.
    private const int Side = 1000;

    public static void Write(HtmlWriter html, LinePlot plot)
    {
        PlotSeries[] series = [.. plot.Series.Select(s => Series.Downsample(s, MostPoints))];
        Axis x = Axis.Of(series.SelectMany(s => s.X));
        Axis y = Axis.Of(series.SelectMany(s => s.Y), plot.LogY, room: 0.04);
        html.Element("figure", () =>
        {
            html.Element("figcaption", () =>
            {
                html.Element("b", plot.Title);
                if (plot.YLabel.Length > 0) html.Element("i", plot.LogY ? $"{plot.YLabel}, logarithmic" : plot.YLabel);
            });
            PlotSeries[] named = [.. series.Where(s => s.IsInLegend)];
            if (named.Length > 1) Legend(html, named);
            html.Element("div", () =>
            {
                html.Element("svg", () => Lines(html, series, x, y),
                    ("viewBox", $"0 0 {Side} {Side}"), ("preserveAspectRatio", "none"), ("role", "img"), ("aria-label", plot.Title));
                foreach (double tick in y.Ticks()) html.Element("span", Quantity.Number(tick), ("class", "y"), ("style", $"bottom:{Percent(y.Place(tick))}"));
                foreach (double tick in x.Ticks()) html.Element("span", TickOnX(tick), ("class", "x"), ("style", $"left:{Percent(x.Place(tick))}"));
                html.Element("div", "", ("class", "cursor"));
                html.Element("div", "", ("class", "tip"));
            }, ("class", "frame"));
            html.Element("div", plot.XLabel, ("class", "xlabel"));
            html.Json(Data(series, x, plot.XLabel));
        }, ("class", "plot"));
    }

    private static void Legend(HtmlWriter html, PlotSeries[] series) => html.Element("ul", () =>
    {
        foreach (PlotSeries s in series) html.Element("li", s.Name, ("class", $"c{s.Colour} {FormClass(s.Form)}"));
    }, ("class", "legend"));

    private static void Lines(HtmlWriter html, PlotSeries[] series, Axis x, Axis y)
    {
        string rows = string.Concat(y.Ticks().Select(tick => $"M0 {Across(1 - y.Place(tick))}H{Side}"));
        string columns = string.Concat(x.Ticks().Select(tick => $"M{Across(x.Place(tick))} 0V{Side}"));
        html.Void("path", ("class", "grid"), ("d", rows + columns));
        foreach (PlotSeries s in series)
        {
            html.Void("path", ("class", $"c{s.Colour} {FormClass(s.Form)}"), ("d", Path(s, x, y)));

            // A line of no length with a round end is a dot whatever the stretch.
            if (s.Form == SeriesForm.Points) html.Void("path", ("class", $"c{s.Colour} dots"), ("d", Dots(s, x, y)));
        }
    }

    private static string Path(PlotSeries series, Axis x, Axis y)
    {
        StringBuilder path = new();
        bool isDown = false;
        for (int i = 0; i < series.X.Count; i++)
        {
            bool shows = Axis.Shows(series.Y[i], y.IsLog);
            if (shows) path.Append(isDown ? 'L' : 'M').Append(Across(x.Place(series.X[i]))).Append(' ').Append(Across(1 - y.Place(series.Y[i])));
            isDown = shows;
        }

        return path.ToString();
    }

    private static string Dots(PlotSeries series, Axis x, Axis y) => string.Concat(Enumerable.Range(0, series.X.Count)
        .Where(i => Axis.Shows(series.Y[i], y.IsLog))
        .Select(i => $"M{Across(x.Place(series.X[i]))} {Across(1 - y.Place(series.Y[i]))}h0"));

    private static string Data(PlotSeries[] series, Axis x, string xLabel)
    {
        SeriesData[] points = [.. series.Select(s => new SeriesData(s.Name, s.Colour, Rounded(s.X, 9), Rounded(s.Y, 5)))];
        return JsonSerializer.Serialize(new PlotData(xLabel, x.Low, x.High, points), ReportJson.Default.PlotData);
    }

    private static double[] Rounded(IReadOnlyList<double> values, int digits) =>
        [.. values.Select(v => double.Parse(v.ToString($"G{digits}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture))];

    private static string TickOnX(double tick) => Math.Abs(tick) < 10_000 ? Quantity.Number(tick) : TrimZeros(Quantity.Count(tick));

    // 20.0k is 20k on a tick: it is exact there.
    private static string TrimZeros(string count) => count.Contains('.', StringComparison.Ordinal) && char.IsLetter(count[^1])
        ? count[..^1].TrimEnd('0').TrimEnd('.') + count[^1]
        : count;

    private static string FormClass(SeriesForm form) => form switch
    {
        SeriesForm.Faint => "faint",
        SeriesForm.Points => "thin",
        _ => "line",
    };

    private static string Across(double place) => (place * Side).ToString("0.#", CultureInfo.InvariantCulture);

    private static string Percent(double place) => (place * 100).ToString("0.##", CultureInfo.InvariantCulture) + "%";
}
