namespace Hadal.Cli.Training;

/// <summary>A curve of one line of text.</summary>
internal static class Sparkline
{
    private const string Blocks = "▁▂▃▄▅▆▇█", Ascii = "_.-=*#";

    /// <summary>Values in so many characters at most, each the mean of its share; what isn't finite is an 'x'.</summary>
    public static string Of(IReadOnlyList<double> values, int width, bool unicode)
    {
        int columns = Math.Min(values.Count, Math.Max(width, 0));
        double[] means = [.. Enumerable.Range(0, columns).Select(c => Mean(values, Start(c), Start(c + 1)))];
        double[] finite = [.. means.Where(double.IsFinite)];
        string ramp = unicode ? Blocks : Ascii;
        double low = finite.DefaultIfEmpty(0).Min(), range = finite.DefaultIfEmpty(0).Max() - low;
        return string.Concat(means.Select(Character));

        char Character(double mean) =>
            !double.IsFinite(mean) ? 'x' : range > 0 ? ramp[(int)Math.Round((mean - low) / range * (ramp.Length - 1))] : ramp[0];

        int Start(int column) => (int)((long)values.Count * column / columns);
    }

    private static double Mean(IReadOnlyList<double> values, int from, int to)
    {
        double sum = 0;
        for (int i = from; i < to; i++) sum += values[i];
        return sum / (to - from);
    }
}
