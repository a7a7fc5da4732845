using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>How much each kind of uneven use of experts costs; 0 leaves it out.</summary>
/// <param name="Sequence">α of DeepSeek-V3's sequence-wise loss: 2412.19437 eqs. 17-20.</param>
/// <param name="Expert">α1 of DeepSeek-V2's expert-level loss: 2405.04434 eqs. 23-25.</param>
/// <param name="Device">α2 of its device-level loss, eqs. 26-28. Devices are the routing rule's groups.</param>
/// <param name="Communication">α3 of its communication loss, eqs. 29-31. M is the number of groups that a token may use.</param>
public readonly record struct BalanceWeights(float Sequence = 0, float Expert = 0, float Device = 0, float Communication = 0)
{
    /// <summary>None of them.</summary>
    public static BalanceWeights None => default;

    /// <summary>As DeepSeek-V3 was trained (section 4.2): α = 0.0001.</summary>
    public static BalanceWeights V3 => new(Sequence: 1e-4f);

    /// <summary>As DeepSeek-V2 was trained (section 3.1.2): α1 = 0.003, α2 = 0.05, α3 = 0.02.</summary>
    public static BalanceWeights V2 => new(Expert: 0.003f, Device: 0.05f, Communication: 0.02f);
}

/// <summary>
/// The losses that make routers use experts evenly. All of them are Σ_i f_i P_i: P_i is the mean share of expert i in a token's scores,
/// s'_i = s_i / Σ_j s_j, and f_i says how often it (or its device) was chosen, which isn't differentiated. So a token's loss is a dot
/// product of its shares with fixed coefficients. Saves these coefficients and the scores.
/// </summary>
/// <remarks>
/// Choices are those that were made, groups and correction bias included, as in DeepSeek's code; V3's eq. 18 writes the TopK of the bare
/// scores. Sequences of different lengths count by their tokens.
/// </remarks>
public static class BalanceLossOperation
{
    /// <summary>The weighted sum of the balance losses of one layer.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="routes">With scores, [tokens, experts].</param>
    /// <param name="rule">By which they came about.</param>
    /// <param name="sequences">Which rows form a sequence; all tokens, first to last.</param>
    /// <param name="weights">How much each loss counts.</param>
    /// <param name="scale">Factor of the sum: the share of these tokens in a step.</param>
    /// <returns>[1].</returns>
    /// <exception cref="ArgumentException">The routes have no scores, or the sequences do not hold all tokens.</exception>
    public static Tensor BalanceLoss(
        this Graph g, Routes routes, RoutingRule rule, ReadOnlySpan<SequenceRows> sequences, BalanceWeights weights, float scale = 1)
    {
        Tensor scores = routes.Scores ?? throw new ArgumentException("a balance loss needs routes with scores", nameof(routes));
        int tokens = scores.Shape.Rows, experts = scores.Shape.Last;
        Tensor loss = g.Allocate(new Shape(1), g.Records(scores));
        Tensor coefficients = g.Allocate(new Shape(sequences.Length, experts));             // [sequences, experts]
        Tensor sequenceOf = g.Allocate(new Shape(tokens), type: ElementType.I32);           // token -> sequence
        FillSequences(sequences, sequenceOf.Integers());
        FillCoefficients(routes.Experts, rule, sequences, weights, scale, coefficients.AsMatrix());

        bool normalises = rule.Score == ScoreFunction.Sigmoid; // a softmax adds up to 1 already
        using Tensor tokenLosses = g.Borrow(new Shape(tokens, 1));
        RowJobs.Run(g.Workers, tokens, new ScoreTokens(scores, coefficients, sequenceOf, normalises, tokenLosses));
        double sum = 0;
        foreach (float value in tokenLosses.Span) sum += value;
        loss.Span[0] = (float)sum;
        if (loss.RequiresGradient) g.Record(new Backpropagation(scores, coefficients, sequenceOf, normalises, loss));
        return loss;
    }

    private static void FillSequences(ReadOnlySpan<SequenceRows> sequences, Span<int> sequenceOf)
    {
        int next = 0;
        for (int s = 0; s < sequences.Length; s++)
        {
            (int start, int count) = (sequences[s].Start, sequences[s].Count);
            if (start != next || count < 0 || count > sequenceOf.Length - start)
            {
                throw new ArgumentException($"sequence {s} has {count} rows from {start}, expected it to start at {next} and to end by {sequenceOf.Length}");
            }

            sequenceOf.Slice(start, count).Fill(s);
            next += count;
        }

        if (next != sequenceOf.Length) throw new ArgumentException($"the sequences end at row {next} of {sequenceOf.Length}");
    }

    // Row s: what a token of sequence s pays for each expert, so that Σ over tokens and experts of coefficient · share is the loss.
    private static void FillCoefficients(
        Tensor chosen, RoutingRule rule, ReadOnlySpan<SequenceRows> sequences, BalanceWeights weights, float scale, Matrix coefficients)
    {
        int tokens = chosen.Shape.Rows, topK = chosen.Shape.Last, experts = coefficients.Columns;
        double[] shared = new double[experts];
        long[] all = new long[experts];
        CountExperts(chosen.Integers(), all);

        // f_i = N / (K T) Σ_t 1(token t chooses expert i): 1 where all are used alike. V3's loss has it for each sequence.
        double once = tokens == 0 ? 0 : (double)experts / topK / tokens;
        if (weights.Expert != 0)
        {
            for (int e = 0; e < experts; e++) shared[e] += weights.Expert * once * all[e];
        }

        if (weights.Device != 0 || weights.Communication != 0) AddDeviceTerms(chosen, rule, weights, once, all, shared);
        long[] counts = new long[experts];
        for (int s = 0; s < sequences.Length; s++)
        {
            (int start, int count) = (sequences[s].Start, sequences[s].Count);
            Array.Clear(counts);
            CountExperts(chosen.Integers().Slice(start * topK, count * topK), counts);
            double onceInSequence = count == 0 ? 0 : (double)experts / topK / count;
            Span<float> row = coefficients.Row(s);
            for (int e = 0; e < experts; e++)
            {
                row[e] = (float)(scale * (shared[e] + weights.Sequence * onceInSequence * counts[e]) / tokens);
            }
        }
    }

    // f'_d is the mean of f_i over the device's experts, f''_d = D / (M T) Σ_t 1(token t is sent to device d); P'_d = Σ P_i over them.
    private static void AddDeviceTerms(Tensor chosen, RoutingRule rule, BalanceWeights weights, double once, long[] all, double[] shared)
    {
        int devices = Math.Max(1, rule.Groups), reach = rule.LimitsGroups ? rule.TopGroups : Math.Min(devices, rule.TopK);
        int size = shared.Length / devices, tokens = chosen.Shape.Rows, topK = chosen.Shape.Last;
        long[] sent = new long[devices];
        Span<bool> reached = stackalloc bool[devices];
        for (int t = 0; t < tokens; t++)
        {
            reached.Clear();
            foreach (int expert in chosen.Integers().Slice(t * topK, topK)) reached[expert / size] = true;
            for (int d = 0; d < devices; d++) sent[d] += reached[d] ? 1 : 0;
        }

        for (int e = 0; e < shared.Length; e++)
        {
            int device = e / size;
            double mean = 0;
            for (int i = device * size; i < (device + 1) * size; i++) mean += once * all[i] / size;
            shared[e] += weights.Device * mean + weights.Communication * ((double)devices / reach / tokens * sent[device]);
        }
    }

    private static void CountExperts(ReadOnlySpan<int> chosen, long[] counts)
    {
        foreach (int expert in chosen) counts[expert]++;
    }

    private readonly struct ScoreTokens(Tensor scores, Tensor coefficients, Tensor sequenceOf, bool normalises, Tensor losses) : IRowJob
    {
        public void Execute(int first, int end)
        {
            Matrix rows = scores.AsMatrix(), costs = coefficients.AsMatrix();
            for (int t = first; t < end; t++)
            {
                (double paid, double sum) = Pay(rows.Row(t), costs.Row(sequenceOf.Integers()[t]));
                losses.Span[t] = (float)(normalises ? paid / sum : paid);
            }
        }
    }

    private static (double Paid, double Sum) Pay(ReadOnlySpan<float> score, ReadOnlySpan<float> cost)
    {
        double paid = 0, sum = 0;
        for (int e = 0; e < score.Length; e++)
        {
            paid += (double)cost[e] * score[e];
            sum += score[e];
        }

        return (paid, sum);
    }

    private sealed class Backpropagation(Tensor scores, Tensor coefficients, Tensor sequenceOf, bool normalises, Tensor loss) : Operation
    {
        public override void Backward(Graph g)
        {
            if (Graph.GradientReaching(loss) is not { } dLoss || g.GradientOf(scores) is not { } dScores) return;
            RowJobs.Run(
                g.Workers, scores.Shape.Rows, new ScoreGradients(scores, coefficients, sequenceOf, normalises, dLoss.Row(0)[0], dScores));
        }
    }

    // Of Σ c_i s_i: c_j. Of Σ c_i s_i / S with S = Σ s_i: (c_j - Σ c_i s_i / S) / S.
    private readonly struct ScoreGradients(
        Tensor scores, Tensor coefficients, Tensor sequenceOf, bool normalises, float dLoss, Matrix dScores) : IRowJob
    {
        public void Execute(int first, int end)
        {
            Matrix rows = scores.AsMatrix(), costs = coefficients.AsMatrix();
            for (int t = first; t < end; t++)
            {
                ReadOnlySpan<float> cost = costs.Row(sequenceOf.Integers()[t]);
                (double paid, double sum) = normalises ? Pay(rows.Row(t), cost) : (0, 1);
                Span<float> gradient = dScores.Row(t);
                (float mean, float factor) = ((float)(paid / sum), (float)(dLoss / sum));
                for (int e = 0; e < cost.Length; e++) gradient[e] += factor * (cost[e] - mean);
            }
        }
    }
}
