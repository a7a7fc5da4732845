using System.Text;
using System.Text.Json;
using Hadal.Data.Reading;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Data.Tokens;

/// <summary>
/// Conversations to tokens, of which those count that the assistant says. A token is the assistant's if its first byte is; special tokens
/// in the rendered text are control, whoever wrote them, as they are for the model's makers.
/// </summary>
internal sealed class ConversationEncoder(DataSource source, Tokenizer tokenizer, ChatFormat format)
{
    /// <summary>The documents of a line: one, or several where the template shows the model earlier turns differently later on.</summary>
    /// <exception cref="DataException">The line is no conversation, or the template can't write it.</exception>
    public EncodedDocument[] Encode(RawDocument line)
    {
        using JsonDocument json = DocumentText.Json(line);
        Conversation conversation = Conversation.Read(line, json.RootElement, source);
        IReadOnlyList<RenderedChat> texts;
        try
        {
            ChatTemplateOptions options = conversation.Tools is { } tools ? format.Options with { Tools = tools } : format.Options;
            texts = format.Template.RenderWithAssistantSpans(conversation.Messages, options);
        }
        catch (TemplateException e)
        {
            throw new DataException(line.Path, line.Line, $"the chat template can't write the conversation: {e.Message.TrimEnd('.')}", e);
        }

        EncodedDocument[] documents = [.. texts.Where(text => text.Text.Length > 0).Select(text => Encode(line, text))];
        if (documents.Any(document => document.Counted!.Contains(true))) return documents;
        throw new DataException(line.Path, line.Line, "the template marks nothing as the assistant's, so there is nothing to learn");
    }

    private EncodedDocument Encode(RawDocument line, RenderedChat chat)
    {
        int[] ids = tokenizer.Encode(chat.Text, parseSpecial: true);
        byte[] bytes = tokenizer.DecodeBytes(ids);
        bool isVerbatim = bytes.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(chat.Text));
        bool[] counted = new bool[ids.Length];
        // Where a tokenizer drops spaces from the start of a text, its first token begins before the text does.
        int sum = 0;
        foreach (int id in ids) sum += tokenizer.IdToBytes(id).Length;
        int offset = bytes.Length - sum, token = 0;
        foreach (TextSpan span in chat.AssistantSpans)
        {
            int start = ByteOf(line, chat.Text, span.Start, bytes, isVerbatim), end = ByteOf(line, chat.Text, span.End, bytes, isVerbatim);
            for (; token < ids.Length && offset < end; offset += tokenizer.IdToBytes(ids[token++]).Length) counted[token] = offset >= start;
        }

        return new EncodedDocument(ids, counted);
    }

    // Where a character of the text is among the bytes of its tokens. A tokenizer that normalizes changes the text, but what stands
    // before a place must then still be the start of the whole.
    private int ByteOf(RawDocument line, string text, int character, byte[] bytes, bool isVerbatim)
    {
        ReadOnlySpan<char> before = text.AsSpan(0, character);
        if (isVerbatim) return Encoding.UTF8.GetByteCount(before);
        byte[] prefix = tokenizer.DecodeBytes(tokenizer.Encode(before, parseSpecial: true));
        if (bytes.AsSpan().StartsWith(prefix)) return prefix.Length;
        string place = DataException.Quote(text.Substring(character, Math.Min(20, text.Length - character)));
        throw new DataException(line.Path, line.Line, $"the tokenizer changes the text where the assistant starts or stops, at {place}");
    }
}
