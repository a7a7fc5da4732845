using System.Diagnostics;
using System.Text;
using Hadal.Checkpoints;
using Hadal.Inference.Chat;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Cli.Chat;

/// <summary>A conversation from the first line to the last: what is entered is said to the model, or is a command if it begins with a slash.</summary>
internal sealed class ChatLoop(ChatModel model, Conversation conversation, ChatSettings settings, ChatScreen screen, Interrupts interrupts)
{
    private const string Help = """
        /help                this list
        /reset               forgets the conversation, but not what the system says
        /system [TEXT]       what the system says; without a text, it says nothing
        /save FILE           writes the conversation to a file
        /load FILE           goes on with the conversation of a file
        /retry               lets the model answer again
        /undo                takes back what was said last, and its answer
        /set [NAME=VALUE]    shows or changes how answers are drawn
        /think on|off        shows or hides thoughts
        /tokens              how much of the context is used
        /quit                leaves, as Ctrl-D does
        A backslash at the end of a line goes on in the next; three double quotes begin and end many lines. Ctrl-C stops an answer.
        """;

    /// <summary>Runs until the input ends or the user leaves; for a program that gives the input, the exit code tells whether all went well.</summary>
    public async Task<int> RunAsync(LineInput input)
    {
        bool failed = false;
        while (input.Read() is { } entry)
        {
            interrupts.Forget();
            if (string.IsNullOrWhiteSpace(entry)) continue;
            if (entry is "/quit" or "/exit") break;
            try
            {
                if (entry[0] == '/') await CommandAsync(entry).ConfigureAwait(false);
                else await AnswerAsync(entry).ConfigureAwait(false);
            }
            catch (Exception e) when (e is TemplateException or TokenizerException or CheckpointException or ArgumentException)
            {
                failed = true;
                screen.Note($"hadal: {e.Message}");
            }
        }

        return failed && !input.IsTerminal ? CommandLine.Failed : CommandLine.Ok;
    }

    private async Task CommandAsync(string entry)
    {
        string[] parts = entry.Split(' ', 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string? argument = parts.Length > 1 ? parts[1] : null;
        switch (parts[0])
        {
            case "/help":
                screen.Note(Help);
                break;
            case "/reset":
                conversation.Clear();
                screen.Note("The conversation is forgotten.");
                break;
            case "/system":
                conversation.System = argument;
                screen.Note(argument is null ? "The system says nothing." : "The system says so from now on.");
                break;
            case "/save" when argument is not null:
                conversation.Save(argument);
                screen.Note($"Saved {conversation.Messages.Count} messages.");
                break;
            case "/load" when argument is not null:
                conversation.Load(argument);
                screen.Note($"Loaded {conversation.Messages.Count} messages.");
                break;
            case "/retry":
                if (conversation.Undo() is { } again) await AnswerAsync(again).ConfigureAwait(false);
                else screen.Note("Nothing was said yet.");
                break;
            case "/undo":
                screen.Note(conversation.Undo() is { } said ? $"Taken back: {PlainText.OneLine(said)}" : "Nothing was said yet.");
                break;
            case "/set":
                screen.Note((argument is null ? null : settings.Set(argument)) ?? settings.Text);
                break;
            case "/think" when argument is "on" or "off":
                screen.ShowsThoughts = argument == "on";
                screen.Note(screen.ShowsThoughts ? "Thoughts are shown." : "Thoughts are hidden.");
                break;
            case "/tokens":
                int used = conversation.HasTurns ? model.Prompt(Request()).Ids.Count : 0;
                screen.Note($"{used} of {model.Engine.ContextLength} tokens of the context are used.");
                break;
            default:
                screen.Note($"'{PlainText.OneLine(entry)}' is no command; /help lists them.");
                break;
        }
    }

    private async Task AnswerAsync(string said)
    {
        conversation.Add(new ChatMessage("user", said));
        (StringBuilder content, StringBuilder thoughts, ChatUsage? usage) = (new(), new(), null);
        (Stopwatch watch, TimeSpan? first, bool finished) = (Stopwatch.StartNew(), null, false);
        try
        {
            finished = await interrupts.RunAsync(async cancellation =>
            {
                await foreach (ChatUpdate update in model.RespondAsync(Request() with { Sampling = settings.Next() }, cancellation).ConfigureAwait(false))
                {
                    first ??= watch.Elapsed;
                    content.Append(update.Content);
                    thoughts.Append(update.Reasoning);
                    usage = update.Usage ?? usage;
                    screen.Print(update);
                }
            }).ConfigureAwait(false);
        }
        finally
        {
            screen.EndAnswer();
            // What has no answer is taken back, so that the conversation stays one of turns.
            if (finished || content.Length > 0)
            {
                conversation.Add(new ChatMessage("assistant", content.ToString()) { ReasoningContent = thoughts.Length > 0 ? thoughts.ToString() : null });
            }
            else
            {
                conversation.Undo();
            }
        }

        if (!finished) screen.Note(content.Length > 0 ? "[stopped]" : "[stopped before an answer; what you said is taken back]");
        else if (usage is not null) screen.NoteSpeed(usage, first ?? watch.Elapsed, watch.Elapsed);
    }

    private ChatRequest Request() => new() { Messages = [.. conversation.Messages], MaxTokens = settings.MaxTokens };
}
