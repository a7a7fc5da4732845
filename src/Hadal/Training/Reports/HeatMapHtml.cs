using System.Text.Json;

namespace Hadal.Training.Reports;

/// <summary>
/// Draws heat maps side by side. A cell is a byte: 0 where there is no value, else the logarithm of the ratio from 1/8 (1) over 1 (128) to 8
/// (255), within 1 per cent; the page's script paints the cells in the colours of the page.
/// </summary>
internal static class HeatMapHtml
{
    private const int MostColumns = 240;
    private const double Octaves = 3;

    public static void Write(HtmlWriter html, HeatMap map)
    {
        int columns = Math.Min(map.X.Count, MostColumns);
        html.Element("figure", () =>
        {
            html.Element("figcaption", () => html.Element("b", map.Title));
            html.Element("div", () =>
            {
                foreach (string text in (string[])["≤ 1/8", "1/4", "1/2", "1", "2", "4", "≥ 8"]) html.Element("span", text);
            }, ("class", "scale"));
            html.Element("div", () =>
            {
                foreach (HeatMapPanel panel in map.Panels) Panel(html, map, panel, columns);
            }, ("class", "maps"));
            html.Element("noscript", "These maps are painted by the page's script.");
        }, ("class", "heat"));
    }

    /// <summary>The byte of a ratio.</summary>
    internal static byte Cell(double ratio) => double.IsNaN(ratio)
        ? (byte)0
        : (byte)(128 + Math.Round(127 * Math.Clamp(Math.Log2(Math.Max(ratio, 0)) / Octaves, -1, 1)));

    private static void Panel(HtmlWriter html, HeatMap map, HeatMapPanel panel, int columns)
    {
        int rows = panel.Columns.Max(column => column.Count);
        byte[] cells = new byte[columns * rows];
        double[] x = new double[columns];
        for (int c = 0; c < columns; c++)
        {
            (int from, int to) = (Start(c), Start(c + 1));
            x[c] = map.X[from];
            for (int r = 0; r < rows; r++) cells[c * rows + r] = Cell(Mean(panel.Columns, from, to, r));
        }

        html.Element("div", () =>
        {
            html.Element("div", panel.Name, ("class", "name"));
            html.Element("div", () =>
            {
                html.Element("canvas", "", ("width", $"{columns}"), ("height", $"{rows}"), ("role", "img"), ("aria-label", $"{map.Title}, {panel.Name}"));
                html.Element("div", "", ("class", "tip"));
            }, ("class", "canvas"));
            html.Element("div", () =>
            {
                html.Element("span", Quantity.Number(map.X[0], 6));
                html.Element("span", map.XLabel);
                html.Element("span", Quantity.Number(map.X[^1], 6));
            }, ("class", "ends"));
            html.Json(JsonSerializer.Serialize(new HeatData(map.XLabel, map.RowLabel, x, rows, Convert.ToBase64String(cells)), ReportJson.Default.HeatData));
        }, ("class", "map"));

        int Start(int column) => (int)((long)map.X.Count * column / columns);
    }

    private static double Mean(IReadOnlyList<IReadOnlyList<double>> columns, int from, int to, int row)
    {
        (double sum, int count) = (0, 0);
        for (int c = from; c < to; c++)
        {
            if (row >= columns[c].Count || double.IsNaN(columns[c][row])) continue;
            sum += columns[c][row];
            count++;
        }

        return sum / count;
    }
}
