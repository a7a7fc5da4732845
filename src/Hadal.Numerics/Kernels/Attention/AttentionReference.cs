namespace Hadal.Numerics;

/// <summary>
/// Attention as its equations, in scalar loops on the calling thread: the definition that the fast kernel is tested against. A query
/// row is computed alone and keys are visited in ascending order, so results depend on nothing else in the call.
/// </summary>
internal static unsafe class AttentionReference
{
    // o_i = sum_j p_ij v_j  with  p_ij = exp(s_ij - m_i) / l_i,  s_ij = scale q_i·k_j,  m_i = max_j s_ij,  l_i = sum_j exp(s_ij - m_i)
    public static void Forward(in AttentionCall call)
    {
        for (int index = 0; index < call.SliceCount; index++)
        {
            AttentionSlice slice = call.Slices[index];
            using NativeBuffer? widened = slice.Cached.IsNull ? null : Widen(ref slice, call.Shape);
            for (int query = 0; query < slice.QueryCount; query++)
            {
                for (int head = 0; head < call.Shape.Heads; head++) ForwardRow(call, slice, query, head);
            }
        }
    }

    // Cached rows become matrices first: one row after the other, one element after the other.
    private static NativeBuffer Widen(ref AttentionSlice slice, AttentionShape shape)
    {
        int keyWidth = shape.KeyHeads * shape.KeyDim, valueWidth = shape.KeyHeads * shape.ValueDim;
        NativeBuffer buffer = new((long)slice.KeyCount * (keyWidth + valueWidth) * sizeof(float));
        Matrix keys = new(buffer, ElementType.F32, 0, slice.KeyCount, keyWidth);
        Matrix values = new(buffer, ElementType.F32, (long)slice.KeyCount * keyWidth, slice.KeyCount, valueWidth);
        (slice.Keys, slice.Values) = (new HeadRows(keys), new HeadRows(values));
        for (int key = 0; key < slice.KeyCount; key++)
        {
            for (int head = 0; head < shape.KeyHeads; head++)
            {
                slice.Cached.ReadKey<SimdScalar, float>(slice.Cached.Row(key), head, slice.Keys.Row(key, head, shape.KeyDim));
                slice.Cached.ReadValue<SimdScalar, float>(slice.Cached.Row(key), head, slice.Values.Row(key, head, shape.ValueDim));
            }
        }

        return buffer;
    }

    // With g = dO_i and D_i = g·o_i:  dv_j += p_ij g,  ds_ij = scale p_ij (g·v_j - D_i),  dq_i += ds_ij k_j,  dk_j += ds_ij q_i
    public static void Backward(in AttentionCall call)
    {
        for (int index = 0; index < call.SliceCount; index++)
        {
            ref AttentionSlice slice = ref call.Slices[index];
            for (int query = 0; query < slice.QueryCount; query++)
            {
                for (int head = 0; head < call.Shape.Heads; head++) BackwardRow(call, slice, query, head);
            }
        }
    }

    private static void ForwardRow(in AttentionCall call, in AttentionSlice slice, int query, int head)
    {
        AttentionShape shape = call.Shape;
        int keyHead = head / shape.Group;
        int visible = slice.Visible(query);
        float* q = call.Q.Row(slice.QueryStart + query, head, shape.KeyDim);
        float* o = call.Output.Row(slice.QueryStart + query, head, shape.ValueDim);

        float max = float.NegativeInfinity;
        for (int j = 0; j < visible; j++)
        {
            max = MathF.Max(max, shape.Scale * Dot(q, slice.Keys.Row(j, keyHead, shape.KeyDim), shape.KeyDim));
        }

        // All scores minus infinity: no weight anywhere, and minus infinity must not be subtracted from itself.
        float shift = float.IsNegativeInfinity(max) ? 0 : max;
        float sum = 0;
        new Span<float>(o, shape.ValueDim).Clear();
        for (int j = 0; j < visible; j++)
        {
            float score = shape.Scale * Dot(q, slice.Keys.Row(j, keyHead, shape.KeyDim), shape.KeyDim);
            float weight = MathF.Exp(score - shift);
            sum += weight;
            AddScaled(weight, slice.Values.Row(j, keyHead, shape.ValueDim), o, shape.ValueDim);
        }

        if (sum != 0)
        {
            for (int d = 0; d < shape.ValueDim; d++) o[d] /= sum;
        }

        if (!call.LogSumExp.IsNull) *call.LogSumExp.Row(slice.QueryStart + query, head, 1) = shift + MathF.Log(sum);
    }

    private static void BackwardRow(in AttentionCall call, in AttentionSlice slice, int query, int head)
    {
        AttentionShape shape = call.Shape;
        int keyHead = head / shape.Group;
        int row = slice.QueryStart + query;
        float* q = call.Q.Row(row, head, shape.KeyDim);
        float* dq = call.QueryGradient.Row(row, head, shape.KeyDim);
        float* g = call.OutputGradient.Row(row, head, shape.ValueDim);
        float logSumExp = *call.LogSumExp.Row(row, head, 1);
        if (float.IsNegativeInfinity(logSumExp)) return;

        float delta = Dot(g, call.Output.Row(row, head, shape.ValueDim), shape.ValueDim);
        int visible = slice.Visible(query);
        for (int j = 0; j < visible; j++)
        {
            float* k = slice.Keys.Row(j, keyHead, shape.KeyDim);
            float* v = slice.Values.Row(j, keyHead, shape.ValueDim);
            float weight = MathF.Exp(shape.Scale * Dot(q, k, shape.KeyDim) - logSumExp);
            float scoreGradient = shape.Scale * (weight * (Dot(g, v, shape.ValueDim) - delta));
            AddScaled(scoreGradient, k, dq, shape.KeyDim);
            AddScaled(scoreGradient, q, slice.KeyGradients.Row(j, keyHead, shape.KeyDim), shape.KeyDim);
            AddScaled(weight, g, slice.ValueGradients.Row(j, keyHead, shape.ValueDim), shape.ValueDim);
        }
    }

    private static float Dot(float* a, float* b, int length)
    {
        float sum = 0;
        for (int i = 0; i < length; i++) sum += a[i] * b[i];
        return sum;
    }

    private static void AddScaled(float factor, float* source, float* destination, int length)
    {
        for (int i = 0; i < length; i++) destination[i] += factor * source[i];
    }
}
