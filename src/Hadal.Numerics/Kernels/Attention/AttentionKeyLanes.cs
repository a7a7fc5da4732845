namespace Hadal.Numerics;

/// <summary>Weights with a lane for each key, for rows too few to fill registers (<see cref="AttentionRowLanes{TSimd, TVector}"/>).</summary>
internal static unsafe class AttentionKeyLanes<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>Turns the scores of one row into weights relative to the new maximum; returns the factor for what was summed before.</summary>
    public static float Softmax(float* scores, int seen, float scale, ref float max, ref float sum)
    {
        TVector factor = TSimd.Broadcast(scale);
        TVector largest = TSimd.Broadcast(max);
        int i = 0;
        for (; i + TSimd.Lanes <= seen; i += TSimd.Lanes)
        {
            TVector score = TSimd.Multiply(TSimd.Load(scores + i), factor);
            TSimd.Store(score, scores + i);
            largest = TSimd.Select(TSimd.GreaterThan(score, largest), score, largest);
        }

        if (i < seen)
        {
            TSimd.Store(TSimd.Multiply(TSimd.Load(scores + i), factor), scores + i);
            for (int j = seen; j < i + TSimd.Lanes; j++) scores[j] = float.NegativeInfinity;
            TVector score = TSimd.Load(scores + i);
            largest = TSimd.Select(TSimd.GreaterThan(score, largest), score, largest);
        }

        float newMax = TSimd.MaxLane(largest);

        // While all scores are minus infinity there is no weight, and minus infinity must not be subtracted from itself.
        float shift = float.IsNegativeInfinity(newMax) ? 0 : newMax;
        TVector shifts = TSimd.Broadcast(shift);
        TVector blockSum = TSimd.Zero;
        for (i = 0; i < seen; i += TSimd.Lanes)
        {
            // The masked tail is e^-inf, exactly 0.
            TVector weight = VectorMath.Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Load(scores + i), shifts));
            TSimd.Store(weight, scores + i);
            blockSum = TSimd.Add(blockSum, weight);
        }

        // Once the largest key has been met, which is soon, the maximum stays and nothing decays.
        float decay = max == newMax ? 1 : VectorMath.Exp(max - shift);
        max = newMax;
        sum = sum * decay + TSimd.Sum(blockSum);
        return decay;
    }
}
