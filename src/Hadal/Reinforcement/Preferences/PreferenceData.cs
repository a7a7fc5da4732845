using Hadal.Data;
using Hadal.Data.Packing;
using Hadal.Data.Tokens;
using Hadal.Reinforcement.Rollouts;
using Hadal.Tokenization;
using Hadal.Tokenization.Templates;

namespace Hadal.Reinforcement.Preferences;

/// <summary>
/// Pairs in tokens, in an order that a seed decides: each pass over them another. Which pairs a step sees follows from its number alone.
/// </summary>
internal sealed class PreferenceData
{
    private const ulong SplitKey = 1, OrderKey = 2;
    private readonly EpochOrder _order;

    private PreferenceData(IReadOnlyList<EncodedPair> training, IReadOnlyList<EncodedPair> heldOut, int seed) =>
        (Training, HeldOut, _order) = (training, heldOut, new EpochOrder(training.Count, Mix.Of((ulong)seed, OrderKey)));

    /// <summary>Pairs to train on.</summary>
    public IReadOnlyList<EncodedPair> Training { get; }

    /// <summary>Pairs to measure on.</summary>
    public IReadOnlyList<EncodedPair> HeldOut { get; }

    /// <summary>Reads and encodes the files that a recipe names.</summary>
    /// <param name="options">The files.</param>
    /// <param name="prompts">Makes tokens of them.</param>
    /// <param name="context">The most tokens that the model takes.</param>
    /// <param name="seed">Decides which prompts are held out, and the order.</param>
    /// <param name="message">Told how many pairs are left out, and why.</param>
    /// <exception cref="DataException">A file can't be read or used, or leaves nothing to train on.</exception>
    public static PreferenceData Load(PreferenceOptions options, PromptWriter prompts, int context, int seed, Action<string> message)
    {
        int longest = Math.Min(options.MaxTokens ?? context, context);
        List<EncodedPair> all = Encode(options.Path, prompts, longest, message);
        if (options.HeldOutPath is { } path) return new PreferenceData(all, Encode(path, prompts, longest, message), seed);

        // Two pairs of one prompt on both sides would measure memory.
        List<EncodedPair>[] groups = [.. all.GroupBy(pair => string.Join(' ', pair.Prompt)).Select(group => group.ToList())];
        int heldOut = (int)HeldOutShare.Of(options.HeldOutFraction, groups.Length);
        if (heldOut >= groups.Length) throw new DataException(options.Path, $"it has {groups.Length} different prompts, of which {heldOut} would be held out, expected some to train on");
        Permutation order = new(groups.Length, Mix.Of((ulong)seed, SplitKey));
        bool IsHeldOut(int group) => order[group] < heldOut;
        return new PreferenceData(
            [.. groups.Where((_, i) => !IsHeldOut(i)).SelectMany(group => group)], [.. groups.Where((_, i) => IsHeldOut(i)).SelectMany(group => group)], seed);
    }

    /// <summary>Tells these pairs and their order from others.</summary>
    public ulong Fingerprint => Training.Concat(HeldOut).SelectMany(pair => new[] { pair.Prompt, pair.Chosen, pair.Rejected })
        .Aggregate((ulong)Training.Count, (sum, text) => text.Aggregate(Mix.Of(sum, (ulong)text.Length), (s, token) => Mix.Of(s, (ulong)token)));

    /// <summary>The pairs of a step.</summary>
    /// <param name="step">Steps before it.</param>
    /// <param name="count">Pairs of a step.</param>
    public EncodedPair[] Batch(int step, int count)
    {
        EpochOrder order = _order;
        return [.. Enumerable.Range(0, count).Select(i => Training[order[(long)step * count + i]])];
    }

    private static List<EncodedPair> Encode(string path, PromptWriter prompts, int longest, Action<string> message)
    {
        EncodedPair[] pairs = [.. PreferenceFile.Read(path).Select((pair, i) => Encode(path, i, pair, prompts))];
        List<EncodedPair> kept = [.. pairs.Where(pair => pair.Length <= longest && !pair.IsTie)];
        int tooLong = pairs.Count(pair => pair.Length > longest);
        if (kept.Count == 0) throw new DataException(path, $"of its {pairs.Length} pairs {tooLong} have more than {longest} tokens and the others equal answers, expected some to train on");
        if (kept.Count < pairs.Length) message($"{path}: of {pairs.Length} pairs {tooLong} are left out for having more than {longest} tokens, {pairs.Length - kept.Count - tooLong} for equal answers");
        return kept;
    }

    private static EncodedPair Encode(string path, int index, PreferencePair pair, PromptWriter prompts)
    {
        try
        {
            return new EncodedPair(prompts.Tokens(pair.Prompt), prompts.AnswerTokens(pair.Prompt, pair.Chosen), prompts.AnswerTokens(pair.Prompt, pair.Rejected));
        }
        catch (Exception e) when (e is TemplateException or TokenizerException)
        {
            throw new DataException(path, $"pair {index + 1} can't be made tokens of: {e.Message.TrimEnd('.')}", e);
        }
    }
}
