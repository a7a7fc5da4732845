using System.Globalization;

namespace Hadal.Training.Reports;

/// <summary>Numbers as people read them, the same on every page and terminal.</summary>
public static class Quantity
{
    private static readonly string[] s_thousands = ["", "k", "M", "G", "T", "P"];

    /// <summary>A count or a rate with three significant digits and a prefix: 950, 12.3k, 1.20G.</summary>
    public static string Count(double value)
    {
        if (!double.IsFinite(value)) return Number(value);
        int prefix = 0;
        double shown = value;
        for (; Math.Abs(shown) >= 999.5 && prefix < s_thousands.Length - 1; prefix++) shown /= 1000;
        int digits = prefix == 0 && shown == Math.Round(shown) ? 0 : Math.Abs(shown) >= 99.95 ? 0 : Math.Abs(shown) >= 9.995 ? 1 : 2;
        return shown.ToString($"F{digits}", CultureInfo.InvariantCulture) + s_thousands[prefix];
    }

    /// <summary>Bytes in powers of 1,024: 512 B, 1.50 GiB.</summary>
    public static string Bytes(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        double shown = bytes;
        for (; shown >= 1024 && unit < units.Length - 1; unit++) shown /= 1024;
        return shown.ToString(unit == 0 ? "F0" : "F2", CultureInfo.InvariantCulture) + " " + units[unit];
    }

    /// <summary>A time by its two largest units: 45 s, 3 min 20 s, 2 h 05 min, 4 d 06 h.</summary>
    public static string Duration(TimeSpan time)
    {
        long seconds = (long)Math.Round(Math.Max(0, time.TotalSeconds));
        return seconds switch
        {
            < 60 => $"{seconds} s",
            < 3600 => $"{seconds / 60} min {seconds % 60:00} s",
            < 86_400 => $"{seconds / 3600} h {seconds / 60 % 60:00} min",
            _ => $"{seconds / 86_400} d {seconds / 3600 % 24:00} h",
        };
    }

    /// <summary>A share of 1 in per cent: 41.3 %.</summary>
    public static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";

    /// <summary>A number with so many significant digits, in powers of ten where it is small or large: 2.413, 3e-4.</summary>
    public static string Number(double value, int digits = 4)
    {
        if (double.IsNaN(value)) return "NaN";
        if (double.IsInfinity(value)) return value > 0 ? "∞" : "-∞";
        double size = Math.Abs(value);
        if (size is 0 or (>= 1e-3 and < 1e6))
        {
            string plain = value.ToString($"G{Math.Max(digits, 1)}", CultureInfo.InvariantCulture);
            return plain.Contains('E', StringComparison.Ordinal) ? value.ToString("F0", CultureInfo.InvariantCulture) : plain;
        }

        return value.ToString("0." + new string('#', Math.Max(digits - 1, 0)) + "e0", CultureInfo.InvariantCulture);
    }
}
