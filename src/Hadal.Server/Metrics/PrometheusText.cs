using System.Globalization;
using System.Text;

namespace Hadal.Server.Metrics;

/// <summary>Prometheus' text format, version 0.0.4.</summary>
internal sealed class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();

    /// <summary>A number as Prometheus reads it.</summary>
    public static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Begins a metric.</summary>
    public void Describe(string name, string type, string help) => _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    /// <summary>Adds a value of the metric.</summary>
    public void Sample(string name, double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        _text.Append(name);
        for (int i = 0; i < labels.Length; i++)
        {
            string escaped = labels[i].Value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
            _text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? '{' : ',')}{labels[i].Name}=\"{escaped}\"");
        }

        if (labels.Length > 0) _text.Append('}');
        _text.Append(' ').Append(Number(value)).Append('\n');
    }

    /// <summary>A metric with one value.</summary>
    public void Single(string name, string type, string help, double value)
    {
        Describe(name, type, help);
        Sample(name, value);
    }

    public override string ToString() => _text.ToString();
}
