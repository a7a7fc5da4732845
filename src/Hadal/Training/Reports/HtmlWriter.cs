using System.Text;
using System.Xml;

namespace Hadal.Training.Reports;

/// <summary>
/// Writes a page that is HTML and well-formed XML at once. All text and every attribute is escaped; characters that XML doesn't know are
/// replaced, so nothing in a sample can become markup.
/// </summary>
internal sealed class HtmlWriter : IDisposable
{
    private readonly XmlWriter _xml;

    public HtmlWriter(Stream stream)
    {
        _xml = XmlWriter.Create(stream, new XmlWriterSettings
        {
            Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            OmitXmlDeclaration = true,
            NewLineHandling = NewLineHandling.None,
        });
        _xml.WriteDocType("html", null, null, null);
    }

    /// <summary>Writes an element; the content is what is written until the action returns.</summary>
    public void Element(string name, Action content, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        Open(name, attributes);
        content();

        // With an end tag even when empty: HTML knows no empty <div/>.
        _xml.WriteFullEndElement();
    }

    /// <summary>Writes an element that holds text only.</summary>
    public void Element(string name, string text, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        Open(name, attributes);
        Text(text);
        _xml.WriteFullEndElement();
    }

    /// <summary>Writes an element that never holds anything, as meta or path.</summary>
    public void Void(string name, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        Open(name, attributes);
        _xml.WriteEndElement();
    }

    /// <summary>Writes text.</summary>
    public void Text(string text) => _xml.WriteString(Clean(text));

    /// <summary>Writes style or script of our own: in a comment of their language, XML is told not to look at it.</summary>
    public void Code(string element, string code) => Element(element, () => _xml.WriteRaw($"/*<![CDATA[*/\n{code}\n/*]]>*/"));

    /// <summary>Writes data for the script. The JSON must not contain a less-than sign or an ampersand, as our serializer's doesn't.</summary>
    public void Json(string json)
    {
        if (json.AsSpan().ContainsAny('<', '&')) throw new ArgumentException("The JSON has characters that are markup in a page.", nameof(json));
        Element("script", () => _xml.WriteRaw(json), ("type", "application/json"));
    }

    /// <summary>Ends the page.</summary>
    public void Dispose() => _xml.Dispose();

    private void Open(string name, ReadOnlySpan<(string Name, string Value)> attributes)
    {
        _xml.WriteStartElement(name);
        foreach ((string attribute, string value) in attributes) _xml.WriteAttributeString(attribute, Clean(value));
    }

    private static string Clean(string text)
    {
        StringBuilder clean = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isKnown = rune.Value is '\t' or '\n' || (rune.Value >= 32 && rune.Value is not (>= 0x7f and < 0xa0) and not 0xfffe and not 0xffff);
            if (isKnown) clean.Append(rune);
            else if (rune.Value != '\r') clean.Append('\ufffd');
        }

        return clean.ToString();
    }
}
