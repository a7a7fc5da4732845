using Hadal.Checkpoints;

namespace Hadal.Training.Reports;

/// <summary>
/// A page of figures, plots and texts in one file that needs no other: it opens from a disk without a network. Of whatever run; what is on
/// it is said by who writes it, from top to bottom.
/// </summary>
internal sealed class ReportPage(HtmlWriter html)
{
    /// <summary>Writes a page; the file appears whole or not at all.</summary>
    /// <exception cref="CheckpointException">The file can't be written.</exception>
    public static void Write(string path, string title, string subtitle, Action<ReportPage> content)
    {
        using AtomicFile file = new(path);
        try
        {
            using HtmlWriter html = new(file.Stream);
            html.Element("html", () =>
            {
                html.Element("head", () =>
                {
                    html.Void("meta", ("charset", "utf-8"));
                    html.Void("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1"));
                    html.Void("meta", ("name", "color-scheme"), ("content", "light dark"));
                    html.Element("title", title);
                    html.Code("style", ReportStyle.Css);
                });
                html.Element("body", () => html.Element("main", () =>
                {
                    html.Element("h1", title);
                    html.Element("p", subtitle, ("class", "subtitle"));
                    content(new ReportPage(html));
                    html.Code("script", ReportScript.JavaScript);
                }));
            }, ("lang", "en"));
        }
        catch (Exception e) when (CheckpointException.IsSystem(e))
        {
            throw CheckpointException.FromSystem(path, "written", e);
        }

        file.Commit();
    }

    /// <summary>Figures as cards.</summary>
    public void Cards(IReadOnlyList<Figure> figures) => html.Element("dl", () =>
    {
        foreach (Figure figure in figures)
        {
            html.Element("div", () =>
            {
                html.Element("dt", figure.Name);
                html.Element("dd", () =>
                {
                    html.Text(figure.Value);
                    if (figure.Note.Length > 0) html.Element("small", figure.Note);
                });
            });
        }
    }, ("class", "cards"));

    /// <summary>Figures of several runs, a run to a column.</summary>
    public void Table(IReadOnlyList<string> names, IReadOnlyList<IReadOnlyList<Figure>> figures) => html.Element("div", () => html.Element("table", () =>
    {
        html.Element("tr", () =>
        {
            html.Element("th", "");
            for (int i = 0; i < names.Count; i++) html.Element("th", names[i], ("class", $"c{i % ReportStyle.Colours}"));
        });
        foreach (string name in figures.SelectMany(run => run).Select(figure => figure.Name).Distinct())
        {
            Row(name, [.. figures.Select(run => run.FirstOrDefault(figure => figure.Name == name))]);
        }
    }), ("class", "wide"));

    // What is said of all runs alike is said once, with the name.
    private void Row(string name, Figure?[] figures) => html.Element("tr", () =>
    {
        string[] notes = [.. figures.OfType<Figure>().Select(figure => figure.Note).Distinct()];
        html.Element("th", () =>
        {
            html.Text(name);
            if (notes is [{ Length: > 0 } note]) html.Element("small", note);
        });
        foreach (Figure? figure in figures)
        {
            html.Element("td", () =>
            {
                html.Text(figure?.Value ?? "–");
                if (figure?.Note.Length > 0 && notes.Length > 1) html.Element("small", figure.Note);
            });
        }
    });

    /// <summary>A heading.</summary>
    public void Heading(string text) => html.Element("h2", text);

    /// <summary>A paragraph.</summary>
    public void Paragraph(string text) => html.Element("p", text);

    /// <summary>Plots side by side where there is room.</summary>
    public void Plots(IEnumerable<LinePlot> plots) => html.Element("div", () =>
    {
        foreach (LinePlot plot in plots) LinePlotHtml.Write(html, plot);
    }, ("class", "plots"));

    /// <summary>Heat maps.</summary>
    public void Map(HeatMap map) => HeatMapHtml.Write(html, map);

    /// <summary>A text that can be folded, as it is.</summary>
    /// <param name="summary">What shows when it is folded.</param>
    /// <param name="lead">The first part of the text, set apart; may be empty.</param>
    /// <param name="text">The rest.</param>
    /// <param name="open">Whether it is unfolded at first.</param>
    public void Text(string summary, string lead, string text, bool open) => html.Element("details", () =>
    {
        html.Element("summary", summary);
        html.Element("pre", () =>
        {
            if (lead.Length > 0) html.Element("b", lead);
            html.Text(text);
        }, ("dir", "auto"));
    }, open ? [("open", "open")] : []);
}

/// <summary>A number of a run with its name, and what else is to be said of it; as text.</summary>
internal sealed record Figure(string Name, string Value, string Note = "");
