using System.Text;

namespace Hadal.Reinforcement.Rewards;

/// <summary>
/// The form of R1's responses (DeepSeek-R1, arXiv 2501.12948, section 2.2.2): reasoning between <c>&lt;think&gt;</c> and
/// <c>&lt;/think&gt;</c>, then the answer between <c>&lt;answer&gt;</c> and <c>&lt;/answer&gt;</c>, each tag once and nothing beside them.
/// </summary>
public static class ResponseFormat
{
    /// <summary>Opens the reasoning.</summary>
    public const string ThinkOpening = "<think>";

    /// <summary>Closes the reasoning.</summary>
    public const string ThinkClosing = "</think>";

    /// <summary>Opens the answer.</summary>
    public const string AnswerOpening = "<answer>";

    /// <summary>Closes the answer.</summary>
    public const string AnswerClosing = "</answer>";

    private static readonly CompositeFormat s_template = CompositeFormat.Parse(
        "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The assistant first thinks about the reasoning "
        + "process in the mind and then provides the user with the answer. The reasoning process and answer are enclosed within <think> </think> and "
        + "<answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> <answer> answer here </answer>. User: {0}. Assistant:");

    /// <summary>R1-Zero's prompt around a question (arXiv 2501.12948, table 1), for a base model without a chat template.</summary>
    public static string R1ZeroPrompt(string question)
    {
        ArgumentNullException.ThrowIfNull(question);
        return string.Format(null, s_template, question);
    }

    /// <summary>A response of the form, as a model is shown it.</summary>
    public static string Compose(string reasoning, string answer) =>
        $"{ThinkOpening}\n{reasoning}\n{ThinkClosing}\n{AnswerOpening}{answer}{AnswerClosing}";

    /// <summary>Whether a response has the form: all four tags once, in order, not empty within, only blank space without.</summary>
    /// <param name="response">What the model wrote.</param>
    /// <param name="thinkOpened">Whether the prompt ended with <c>&lt;think&gt;</c>, so that the response begins within.</param>
    public static bool IsWellFormed(string response, bool thinkOpened = false)
    {
        ArgumentNullException.ThrowIfNull(response);
        ReadOnlySpan<char> text = response.AsSpan().Trim();
        if (!thinkOpened)
        {
            if (!text.StartsWith(ThinkOpening, StringComparison.Ordinal)) return false;
            text = text[ThinkOpening.Length..];
        }

        if (!text.EndsWith(AnswerClosing, StringComparison.Ordinal)) return false;
        text = text[..^AnswerClosing.Length];
        int think = text.IndexOf(ThinkClosing, StringComparison.Ordinal);
        if (think < 0) return false;
        ReadOnlySpan<char> reasoning = text[..think], rest = text[(think + ThinkClosing.Length)..].TrimStart();
        if (!rest.StartsWith(AnswerOpening, StringComparison.Ordinal)) return false;
        ReadOnlySpan<char> answer = rest[AnswerOpening.Length..];
        return IsPlain(reasoning) && IsPlain(answer);
    }

    /// <summary>
    /// The answer that accuracy is judged by, trimmed: what stands between the only pair of answer tags, after the reasoning. Null if
    /// there is none, if there are several, or if it stands within the reasoning: nothing is won by answering often or elsewhere.
    /// </summary>
    public static string? Answer(string response)
    {
        ArgumentNullException.ThrowIfNull(response);
        int opening = OnlyIndexOf(response, AnswerOpening), closing = OnlyIndexOf(response, AnswerClosing);
        if (opening < 0 || closing < opening) return null;
        int thinkClosing = response.LastIndexOf(ThinkClosing, StringComparison.Ordinal);
        int thinkOpening = response.LastIndexOf(ThinkOpening, StringComparison.Ordinal);
        if (thinkClosing > opening || thinkOpening > thinkClosing) return null;
        return response[(opening + AnswerOpening.Length)..closing].Trim();
    }

    /// <summary>The reasoning: what stands before <c>&lt;/think&gt;</c>, or the whole response if it doesn't come to an end.</summary>
    public static string Reasoning(string response)
    {
        ArgumentNullException.ThrowIfNull(response);
        int closing = response.IndexOf(ThinkClosing, StringComparison.Ordinal);
        ReadOnlySpan<char> text = (closing < 0 ? response : response.AsSpan(0, closing)).Trim();
        return (text.StartsWith(ThinkOpening, StringComparison.Ordinal) ? text[ThinkOpening.Length..] : text).Trim().ToString();
    }

    private static bool IsPlain(ReadOnlySpan<char> content) =>
        !content.IsWhiteSpace() && !content.Contains(ThinkOpening, StringComparison.Ordinal) && !content.Contains(ThinkClosing, StringComparison.Ordinal)
        && !content.Contains(AnswerOpening, StringComparison.Ordinal) && !content.Contains(AnswerClosing, StringComparison.Ordinal);

    private static int OnlyIndexOf(string text, string tag)
    {
        int first = text.IndexOf(tag, StringComparison.Ordinal);
        return first >= 0 && text.IndexOf(tag, first + tag.Length, StringComparison.Ordinal) < 0 ? first : -1;
    }
}
