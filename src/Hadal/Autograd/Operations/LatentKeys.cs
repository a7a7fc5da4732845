using Hadal.Numerics;

namespace Hadal.Autograd;

/// <summary>
/// Keys and values of multi-head latent attention from their up-projection: DeepSeek-V2 (2405.04434) eqs. 11, 12 and 15-17.
/// k_h = [k_h^C; k^R], where the rotated part k^R is shared by all heads. Saves nothing; keys and values can be recomputed.
/// </summary>
public static class LatentKeysOperation
{
    /// <summary>Takes the up-projected latents apart, head by head, and appends the shared rotary key to each key.</summary>
    /// <param name="g">The graph.</param>
    /// <param name="upProjected">[tokens, heads * (nope + valueDim)]: for each head the unrotated key, then the value.</param>
    /// <param name="rotaryKey">[tokens, rope].</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="valueDim">Length of a value.</param>
    /// <returns>Keys [tokens, heads * (nope + rope)] and values [tokens, heads * valueDim].</returns>
    /// <exception cref="ArgumentException">The rows are not that many heads, or there is not one rotary key for each.</exception>
    public static (Tensor Keys, Tensor Values) LatentKeys(this Graph g, Tensor upProjected, Tensor rotaryKey, int heads, int valueDim)
    {
        if (heads < 1 || valueDim < 0 || upProjected.Shape.Last % heads != 0 || upProjected.Shape.Last / heads < valueDim)
        {
            throw new ArgumentException(
                $"{heads} heads with values of {valueDim} don't divide rows of {upProjected.Shape.Last}", nameof(upProjected));
        }

        int tokens = upProjected.Shape.Rows, nope = upProjected.Shape.Last / heads - valueDim, rope = rotaryKey.Shape.Last;
        bool requiresGradient = g.Records(upProjected, rotaryKey);
        Tensor keys = g.Allocate(new Shape(tokens, heads * (nope + rope)), requiresGradient);
        Tensor values = g.Allocate(new Shape(tokens, heads * valueDim), requiresGradient);
        TakeApart(g, upProjected, rotaryKey, heads, nope, keys, values);
        if (requiresGradient) g.Record(new Backpropagation(upProjected, rotaryKey, heads, nope, keys, values));
        return (keys, values);
    }

    private static void TakeApart(Graph g, Tensor upProjected, Tensor rotaryKey, int heads, int nope, Tensor keys, Tensor values)
    {
        int rope = rotaryKey.Shape.Last, valueDim = values.Shape.Last / heads;
        HeadBlock up = new(upProjected.AsMatrix(), nope + valueDim, 0), key = new(keys.AsMatrix(), nope + rope, 0);
        HeadBlocks.Copy(g.Workers, up, key, heads, nope);
        HeadBlocks.Copy(g.Workers, new(rotaryKey.AsMatrix(), 0, 0), key with { Offset = nope }, heads, rope);
        HeadBlocks.Copy(g.Workers, up with { Offset = nope }, new(values.AsMatrix(), valueDim, 0), heads, valueDim);
    }

    private sealed class Backpropagation(Tensor upProjected, Tensor rotaryKey, int heads, int nope, Tensor keys, Tensor values)
        : RecomputableOperation
    {
        protected override (Tensor? First, Tensor? Second) Droppable => (keys, values);

        protected override void Recompute(Graph g) => TakeApart(g, upProjected, rotaryKey, heads, nope, keys, values);

        public override void Backward(Graph g)
        {
            int rope = rotaryKey.Shape.Last, valueDim = values.Shape.Last / heads;
            Matrix? fromKeys = Graph.GradientReaching(keys), fromValues = Graph.GradientReaching(values);
            if (fromKeys is null && fromValues is null) return;
            GradientTarget? target = g.TargetOf(upProjected);

            // Keys and values together write every lane.
            bool writes = target is { Accumulate: false } && fromKeys is not null && fromValues is not null;
            Matrix? dUp = writes ? target?.Gradient : target?.ToAddTo(g.Workers);
            if (fromKeys is { } dKeys)
            {
                HeadBlock dKey = new(dKeys, nope + rope, 0);
                if (dUp is { } up) Put(g, dKey, new(up, nope + valueDim, 0), nope, writes);
                if (g.GradientOf(rotaryKey) is { } shared) HeadBlocks.Accumulate(g.Workers, dKey with { Offset = nope }, new(shared, 0, 0), heads, rope);
            }

            if (fromValues is { } dValues && dUp is { } upValues)
            {
                Put(g, new(dValues, valueDim, 0), new(upValues, nope + valueDim, nope), valueDim, writes);
            }
        }

        private void Put(Graph g, HeadBlock source, HeadBlock destination, int width, bool writes)
        {
            if (writes) HeadBlocks.Copy(g.Workers, source, destination, heads, width);
            else HeadBlocks.Accumulate(g.Workers, source, destination, heads, width);
        }
    }
}
