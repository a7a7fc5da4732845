namespace Hadal.Tokenization.Templates;

/// <summary>
/// Finds what the assistant says by rendering the conversation up to each of its turns, for templates that don't mark it.
/// </summary>
internal static class AssistantTurns
{
    public static IReadOnlyList<RenderedChat> Render(ChatTemplate template, IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options)
    {
        List<RenderedChat> texts = [];
        string text = "";
        List<TextSpan> spans = [];
        for (int i = 0; i < messages.Count; i++)
        {
            if (messages[i].Role != "assistant") continue;
            string prompt = template.Render([.. messages.Take(i)], addGenerationPrompt: true, options);
            string upTo = template.Render([.. messages.Take(i + 1)], addGenerationPrompt: false, options);
            if (!upTo.StartsWith(prompt, StringComparison.Ordinal)) throw Rewritten(template, i, prompt, upTo);

            // The template writes what came before otherwise now: the turns so far keep the text that they had.
            if (!prompt.StartsWith(text, StringComparison.Ordinal))
            {
                texts.Add(new RenderedChat(text, spans));
                spans = [];
            }

            text = upTo;
            spans.Add(new TextSpan(prompt.Length, upTo.Length - prompt.Length));
        }

        string whole = template.Render(messages, addGenerationPrompt: false, options);
        texts.Add(new RenderedChat(whole.StartsWith(text, StringComparison.Ordinal) ? whole : text, spans));
        return texts;
    }

    private static TemplateException Rewritten(ChatTemplate template, int message, string prompt, string upTo)
    {
        int shared = prompt.AsSpan().CommonPrefixLength(upTo);
        string expected = TemplateException.Quote(prompt[shared..]);
        string found = TemplateException.Quote(upTo.Substring(shared, Math.Min(40, upTo.Length - shared)));
        return new TemplateException(
            template.Name,
            $"the assistant's message {message + 1} doesn't start with the generation prompt, found {found}, expected {expected}");
    }
}
