using System.Globalization;
using System.Text;
using Hadal.Tokenization.Templates.Values;

namespace Hadal.Tokenization.Templates.Evaluation;

/// <summary>C's <c>strftime</c> in its own locale, which is English.</summary>
internal static class Strftime
{
    public static TextValue Format(Run run, DateTimeOffset time, TextValue pattern)
    {
        string format = pattern.Value;
        run.ChargeText(format.Length * 10L);
        StringBuilder text = new();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                text.Append(format[i]);
                continue;
            }

            i++;
            // A minus keeps a number from being padded.
            bool bare = i < format.Length && format[i] == '-';
            if (bare) i++;
            string? part = i < format.Length ? Part(time, format[i]) : null;
            if (part is null) throw run.Fail($"'strftime_now' gets the format {TemplateException.Quote(format)}, expected one that is supported");
            text.Append(bare && part.Length > 1 ? part.TrimStart('0', ' ').PadLeft(1, '0') : part);
        }

        return TextValue.Derived(text.ToString(), pattern);
    }

    private static string? Part(DateTimeOffset time, char letter) => letter switch
    {
        'Y' => time.ToString("yyyy", CultureInfo.InvariantCulture),
        'y' => time.ToString("yy", CultureInfo.InvariantCulture),
        'm' => time.ToString("MM", CultureInfo.InvariantCulture),
        'B' => time.ToString("MMMM", CultureInfo.InvariantCulture),
        'b' or 'h' => time.ToString("MMM", CultureInfo.InvariantCulture),
        'd' => time.ToString("dd", CultureInfo.InvariantCulture),
        'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
        'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
        'A' => time.ToString("dddd", CultureInfo.InvariantCulture),
        'a' => time.ToString("ddd", CultureInfo.InvariantCulture),
        'H' => time.ToString("HH", CultureInfo.InvariantCulture),
        'I' => time.ToString("hh", CultureInfo.InvariantCulture),
        'M' => time.ToString("mm", CultureInfo.InvariantCulture),
        'S' => time.ToString("ss", CultureInfo.InvariantCulture),
        'p' => time.ToString("tt", CultureInfo.InvariantCulture),
        'F' => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        'T' => time.ToString("HH:mm:ss", CultureInfo.InvariantCulture),
        '%' => "%",
        _ => null,
    };
}
