using System.Globalization;
using Hadal.Inference.Chat;

namespace Hadal.Cli.Chat;

/// <summary>
/// Where a conversation is printed. On a terminal, thoughts and notes are dimmed and what the model writes can't command the terminal;
/// elsewhere there are no escape codes, and notes go to standard error.
/// </summary>
/// <param name="output">Where answers go.</param>
/// <param name="error">Where notes go without a terminal.</param>
/// <param name="isTerminal">Whether the output is a terminal.</param>
/// <param name="hasColors">Whether it takes escape codes.</param>
internal sealed class ChatScreen(TextWriter output, TextWriter error, bool isTerminal, bool hasColors)
{
    private bool _inThoughts, _atLineStart = true;
    private bool? _showsThoughts;

    /// <summary>Whether thoughts are shown; on a terminal they are, if nobody says otherwise.</summary>
    public bool ShowsThoughts
    {
        get => _showsThoughts ?? isTerminal;
        set => _showsThoughts = value;
    }

    /// <summary>The screen of this process.</summary>
    public static ChatScreen OfConsole()
    {
        bool isTerminal = !Console.IsOutputRedirected;
        bool hasColors = isTerminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) && Environment.GetEnvironmentVariable("TERM") is not "dumb";
        return new ChatScreen(Console.Out, Console.Error, isTerminal, hasColors);
    }

    /// <summary>Prints a piece of an answer.</summary>
    public void Print(ChatUpdate update)
    {
        if (update.Reasoning is { } thought && ShowsThoughts)
        {
            if (!_inThoughts) Write(hasColors ? "\e[2m" : "<think>\n");
            _inThoughts = true;
            Write(isTerminal ? PlainText.Lines(thought) : thought);
        }

        if (update.Content is { } content)
        {
            EndThoughts();
            Write(isTerminal ? PlainText.Lines(content) : content);
        }

        output.Flush();
    }

    /// <summary>Ends an answer's last line.</summary>
    public void EndAnswer()
    {
        EndThoughts();
        if (!_atLineStart) Write("\n");
        output.Flush();
    }

    /// <summary>Says something that is no answer.</summary>
    public void Note(string text)
    {
        TextWriter writer = isTerminal ? output : error;
        string line = PlainText.Lines(text);
        writer.WriteLine(isTerminal && hasColors ? $"\e[2m{line}\e[0m" : line);
        writer.Flush();
    }

    /// <summary>Says how fast an answer came.</summary>
    public void NoteSpeed(ChatUsage usage, TimeSpan toFirst, TimeSpan all)
    {
        double seconds = (all - toFirst).TotalSeconds;
        string speed = usage.CompletionTokens > 1 && seconds > 0 ? $", {(usage.CompletionTokens - 1) / seconds:F1} a second" : "";
        Note(string.Create(CultureInfo.InvariantCulture,
            $"[{usage.CompletionTokens} tokens{speed}; the first after {toFirst.TotalSeconds:F1} s; {usage.CachedTokens} of {usage.PromptTokens} of the prompt known before]"));
    }

    /// <summary>Asks for input, on a terminal.</summary>
    public void Prompt(string text)
    {
        if (!isTerminal) return;
        output.Write(text);
        output.Flush();
    }

    private void EndThoughts()
    {
        if (!_inThoughts) return;
        _inThoughts = false;
        if (hasColors) output.Write("\e[0m");
        Write(hasColors ? "\n\n" : "\n</think>\n");
    }

    private void Write(string text)
    {
        output.Write(text);
        if (text.Length > 0) _atLineStart = text[^1] == '\n';
    }
}
