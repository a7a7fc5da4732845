namespace Hadal.Tokenization.Templates;

/// <summary>
/// Finds what the assistant says by rendering the conversation up to each of its turns, for templates that don't mark it.
/// </summary>
internal static class AssistantTurns
{
    public static IReadOnlyList<RenderedChat> Render(ChatTemplate template, IReadOnlyList<ChatMessage> messages, ChatTemplateOptions options)
    {
        List<RenderedChat> texts = [];
        RenderedChat text = new("", []) { ForeignSpans = [] };
        List<TextSpan> spans = [];
        for (int i = 0; i < messages.Count; i++)
        {
            if (messages[i].Role != "assistant") continue;
            string prompt = template.Render([.. messages.Take(i)], addGenerationPrompt: true, options);
            RenderedChat upTo = template.RenderWithForeignSpans([.. messages.Take(i + 1)], addGenerationPrompt: false, options);
            if (!upTo.Text.StartsWith(prompt, StringComparison.Ordinal)) throw Rewritten(template, i, prompt, upTo.Text);

            // The template writes what came before otherwise now: the turns so far keep the text that they had.
            if (!prompt.StartsWith(text.Text, StringComparison.Ordinal))
            {
                texts.Add(text with { AssistantSpans = spans });
                spans = [];
            }

            text = upTo;
            spans.Add(new TextSpan(prompt.Length, upTo.Text.Length - prompt.Length));
        }

        RenderedChat whole = template.RenderWithForeignSpans(messages, addGenerationPrompt: false, options);
        texts.Add((whole.Text.StartsWith(text.Text, StringComparison.Ordinal) ? whole : text) with { AssistantSpans = spans });
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
