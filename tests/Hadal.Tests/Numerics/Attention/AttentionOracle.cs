using Hadal.Numerics;

namespace Hadal.Tests.Numerics;

/// <summary>Numbers in binary64 and, for each, how far a binary32 computation of it may be off.</summary>
internal sealed class Bounded(int length)
{
    public double[] Value { get; } = new double[length];

    public double[] Bound { get; } = new double[length];

    public void Add(int index, double value, double bound)
    {
        Value[index] += value;
        Bound[index] += bound;
    }
}

/// <summary>
/// Attention written out in binary64, with running error bounds for a binary32 computation in any order of summation
/// (N. Higham, Accuracy and Stability of Numerical Algorithms, 3.1: a sum of n products is off by at most gamma(n) times the sum of
/// their magnitudes).
/// </summary>
internal sealed class AttentionOracle
{
    private const double Unit = 1.0 / (1 << 24);

    // An exponential is off by less than two units in the last place, that is four of Unit.
    private const double ExpError = 4 * Unit;

    private readonly AttentionCase _case;
    private readonly AttentionShape _shape;
    private readonly double _rounding;

    /// <param name="attention">The inputs.</param>
    /// <param name="rounding">How far, relatively, weights and gradients of scores may be off once they are multiplied.</param>
    public AttentionOracle(AttentionCase attention, double rounding = 0)
    {
        _rounding = rounding;
        _case = attention;
        _shape = attention.Shape;
        int rows = attention.Q.Rows;
        Output = new Bounded(rows * _shape.Heads * _shape.ValueDim);
        LogSumExp = new Bounded(rows * _shape.Heads);
        QueryGradient = new Bounded(rows * _shape.Heads * _shape.KeyDim);
        KeyGradients = Array.ConvertAll(attention.Sequences, s => new Bounded(s.Keys.Rows * _shape.KeyHeads * _shape.KeyDim));
        ValueGradients = Array.ConvertAll(attention.Sequences, s => new Bounded(s.Keys.Rows * _shape.KeyHeads * _shape.ValueDim));
        for (int index = 0; index < attention.Sequences.Length; index++)
        {
            for (int query = 0; query < attention.Sequences[index].QueryCount; query++)
            {
                for (int head = 0; head < _shape.Heads; head++) AddRow(index, query, head);
            }
        }
    }

    public Bounded Output { get; }

    public Bounded LogSumExp { get; }

    /// <summary>What backward adds; the bound leaves out the rounding of what was there.</summary>
    public Bounded QueryGradient { get; }

    public Bounded[] KeyGradients { get; }

    public Bounded[] ValueGradients { get; }

    /// <summary>The loss whose gradient by the output is OutputGradient.</summary>
    public double Loss()
    {
        double loss = 0;
        float[] gradient = AttentionCase.Read(_case.OutputGradient);
        for (int i = 0; i < gradient.Length; i++) loss += gradient[i] * Output.Value[i];
        return loss;
    }

    private static double Gamma(double operations) => operations * Unit / (1 - operations * Unit);

    private static (double Sum, double Magnitude) Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        double magnitude = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += (double)a[i] * b[i];
            magnitude += Math.Abs((double)a[i] * b[i]);
        }

        return (sum, magnitude);
    }

    private void AddRow(int index, int query, int head)
    {
        AttentionSequence sequence = _case.Sequences[index];
        int row = sequence.QueryStart + query;
        int keyHead = head / (_shape.Heads / _shape.KeyHeads);
        int visible = sequence.Keys.Rows - sequence.QueryCount + query + 1;
        ReadOnlySpan<float> q = Head(_case.Q, row, head, _shape.KeyDim);

        double[] scores = new double[visible];
        double[] scoreErrors = new double[visible];
        for (int j = 0; j < visible; j++)
        {
            (double dot, double magnitude) = Dot(q, Head(sequence.Keys, j, keyHead, _shape.KeyDim));
            scores[j] = _shape.Scale * dot;
            scoreErrors[j] = Gamma(_shape.KeyDim + 2) * Math.Abs(_shape.Scale) * magnitude;
        }

        double max = scores.Max();
        double sum = scores.Sum(s => Math.Exp(s - max));

        // The exponent of a weight is off by its score's error and the rounding of s - m. In a blocked computation it is a sum of such
        // differences, one for each block, which telescope to at most the range of the scores, up and down.
        double range = scores.Max(s => Math.Abs(s - max));
        double exponentError = scoreErrors.Max() + Unit * 4 * range + (visible / 64 + 2) * (ExpError + 2 * Unit);
        double sumError = Gamma(visible + 8);
        LogSumExp.Add(
            row * _shape.Heads + head,
            max + Math.Log(sum),
            exponentError + sumError + 4 * Unit * (Math.Abs(max) + Math.Abs(Math.Log(sum)) + 1));

        double[] weights = Array.ConvertAll(scores, s => Math.Exp(s - max) / sum);
        int offset = (row * _shape.Heads + head) * _shape.ValueDim;
        for (int d = 0; d < _shape.ValueDim; d++)
        {
            double magnitude = 0;
            for (int j = 0; j < visible; j++)
            {
                double v = Head(sequence.Values, j, keyHead, _shape.ValueDim)[d];
                Output.Value[offset + d] += weights[j] * v;
                magnitude += weights[j] * Math.Abs(v);
            }

            // Twice: above and below the fraction bar. Weights below the normal numbers may be lost.
            Output.Bound[offset + d] = Math.Exp(2 * exponentError) * (1 + 3 * sumError) * magnitude - magnitude + visible * 1e-37
                + _rounding * magnitude;
        }

        AddGradients(index, row, head, scores, scoreErrors, weights);
    }

    private void AddGradients(int index, int row, int head, double[] scores, double[] scoreErrors, double[] weights)
    {
        AttentionSequence sequence = _case.Sequences[index];
        int group = _shape.Heads / _shape.KeyHeads;
        int keyHead = head / group;
        ReadOnlySpan<float> q = Head(_case.Q, row, head, _shape.KeyDim);
        ReadOnlySpan<float> g = Head(_case.OutputGradient, row, head, _shape.ValueDim);
        double logSumExp = LogSumExp.Value[row * _shape.Heads + head];
        double logSumExpError = LogSumExp.Bound[row * _shape.Heads + head];

        double delta = 0;
        double deltaError = 0;
        for (int d = 0; d < g.Length; d++)
        {
            int at = (row * _shape.Heads + head) * _shape.ValueDim + d;
            delta += g[d] * Output.Value[at];
            deltaError += Math.Abs(g[d]) * (Output.Bound[at] + Gamma(g.Length + 1) * (Math.Abs(Output.Value[at]) + Output.Bound[at]));
        }

        double terms = Gamma(sequence.QueryCount * group + 2);
        for (int j = 0; j < scores.Length; j++)
        {
            ReadOnlySpan<float> k = Head(sequence.Keys, j, keyHead, _shape.KeyDim);
            ReadOnlySpan<float> v = Head(sequence.Values, j, keyHead, _shape.ValueDim);
            (double dot, double magnitude) = Dot(g, v);
            double exponentError = scoreErrors[j] + logSumExpError + 2 * Unit * Math.Abs(scores[j] - logSumExp) + ExpError;
            double weightError = weights[j] * (Math.Exp(exponentError) - 1) + 1e-37;
            double inner = Math.Abs(dot - delta);
            double innerError = Gamma(g.Length + 1) * magnitude + deltaError;
            double gradient = _shape.Scale * weights[j] * (dot - delta);
            double gradientError = Math.Abs(_shape.Scale) *
                ((weights[j] + weightError) * (inner + innerError) * (1 + Gamma(4)) - weights[j] * inner);

            for (int d = 0; d < k.Length; d++)
            {
                double queryTerm = (Math.Abs(gradient) + gradientError) * Math.Abs(k[d]);
                QueryGradient.Add(
                    (row * _shape.Heads + head) * _shape.KeyDim + d, gradient * k[d],
                    gradientError * Math.Abs(k[d]) + (Gamma(scores.Length + 2) + _rounding) * queryTerm);
                double keyTerm = (Math.Abs(gradient) + gradientError) * Math.Abs(q[d]);
                KeyGradients[index].Add(
                    (j * _shape.KeyHeads + keyHead) * _shape.KeyDim + d, gradient * q[d],
                    gradientError * Math.Abs(q[d]) + (terms + _rounding) * keyTerm);
            }

            for (int d = 0; d < v.Length; d++)
            {
                ValueGradients[index].Add(
                    (j * _shape.KeyHeads + keyHead) * _shape.ValueDim + d, weights[j] * g[d],
                    (weightError + (terms + _rounding) * (weights[j] + weightError)) * Math.Abs(g[d]));
            }
        }
    }

    private static ReadOnlySpan<float> Head(Matrix matrix, int row, int head, int dim) => matrix.Row(row).Slice(head * dim, dim);
}
