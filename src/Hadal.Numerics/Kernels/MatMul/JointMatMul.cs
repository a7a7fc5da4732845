namespace Hadal.Numerics;

/// <summary>
/// Products that do not depend on each other, in one parallel region. What decoding multiplies is small: a region for each product would
/// cost more than some of them, and be over before memory delivers at its full speed. A row of activations is rounded once for all
/// products with weights in blocks that take it. Each result has the bits that <see cref="MatMul"/> and <see cref="GroupedMatMul"/> give.
/// </summary>
public static unsafe class JointMatMul
{
    /// <summary>Computes all products.</summary>
    /// <param name="pool">The threads that compute.</param>
    /// <param name="products">The products; a result must not overlap another product's matrices.</param>
    /// <exception cref="ArgumentException">Shapes or offsets do not fit, or an element type is not one that products take.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A row is taken that the input does not have.</exception>
    public static void Nt(WorkerPool pool, ReadOnlySpan<LinearProduct> products)
    {
        long cost = 0, length = 0;
        int joint = 0;
        foreach (ref readonly LinearProduct product in products)
        {
            if (!IsJoint(product))
            {
                RunAlone(pool, product);
                continue;
            }

            ReadOnlySpan<int> offsets = product.GroupOffsets, sources = product.SourceRows;
            int? rows = product.Sources is null ? null : sources.Length;
            ProductArguments.CheckNt(pool, product.Input, offsets, product.Offsets is not null, product.Weight, product.Result, rows);
            Shapes.RequireIndices(sources, product.Input.Rows, nameof(products));
            joint++;
            if (product.Weight.ElementType.IsBlocked())
            {
                length += PanelProduct.Length(product.Input, offsets, product.Weight);
                if (rows is { } taken) length += PanelProduct.InputLength(taken, product.Input.Columns, product.Weight.ElementType);
                cost += PanelProduct.Cost(offsets, product.Weight, product.Result);
            }
            else
            {
                length += ProductDispatch.ManagedLength(Math.Max(1, offsets.Length - 1));
            }
        }

        if (joint > 0) Run(pool, products, joint, PanelProduct.PartCost(cost), PackingScratch.Shared(length));
        foreach (ref readonly LinearProduct product in products) product.KeepAlive();
    }

    private static void Run(WorkerPool pool, ReadOnlySpan<LinearProduct> products, int joint, long partCost, float* memory)
    {
        JointJob.Entry* entries = stackalloc JointJob.Entry[joint];
        JointJob jobs = new(entries);
        Span<PanelInput> inputs = stackalloc PanelInput[products.Length];
        for (int p = 0; p < products.Length; p++)
        {
            ref readonly LinearProduct product = ref products[p];
            if (!IsJoint(product)) continue;
            if (!product.Weight.ElementType.IsBlocked())
            {
                ProductDispatch.AddManaged(ref jobs, product.Groups, ref memory);
                continue;
            }

            int same = 0;
            while (same < p && !SharesInput(products[same], product)) same++;
            inputs[p] = same < p ? inputs[same] : Prepare(pool, product, ref memory);
            PanelProduct.Add(
                ref jobs, inputs[p], product.GroupOffsets, product.Weight, product.Result, accumulate: false, PanelProduct.Best, partCost, ref memory);
        }

        pool.Run(ref jobs, jobs.Parts);
    }

    private static PanelInput Prepare(WorkerPool pool, in LinearProduct product, ref float* memory)
    {
        ElementType type = product.Weight.ElementType;
        PanelInput input = PanelProduct.Prepare(pool, product.Input, type, ref memory);
        return product.Sources is null ? input : PanelProduct.Gather(pool, input, product.SourceRows, product.Input.Columns, type, ref memory);
    }

    private static bool SharesInput(in LinearProduct earlier, in LinearProduct later) =>
        IsJoint(earlier) && earlier.Weight.ElementType.IsBlocked() && earlier.Input == later.Input && earlier.Sources == later.Sources &&
        PanelProduct.Rounds(earlier.Weight.ElementType) == PanelProduct.Rounds(later.Weight.ElementType);

    // Weights in other types have plenty of work for a region of their own from some tens of rows on, and some products bring regions of their own.
    private static bool IsJoint(in LinearProduct product) => !ProductDispatch.UsesReference && product.Result is { Rows: > 0, Columns: > 0 } &&
        (product.Weight.ElementType.IsBlocked() ||
            (product.Sources is null && product.Result.Rows < ProductDispatch.BlockedRows && !ProductDispatch.UsesOwnRegions(product.Precision)));

    private static void RunAlone(WorkerPool pool, in LinearProduct product)
    {
        if (product.Sources is { } sources)
        {
            using NativeBuffer memory = new(ElementType.F32.ByteLength(sources.Columns, product.Input.Columns), zeroed: false);
            Matrix rows = new(memory, ElementType.F32, 0, sources.Columns, product.Input.Columns);
            Embedding.Gather(pool, product.Input, product.SourceRows, rows);
            RunAlone(pool, product with { Input = rows, Sources = null });
            return;
        }

        if (product.Offsets is null) MatMul.Nt(pool, product.Input, product.Weight, product.Result, accumulate: false, product.Precision);
        else GroupedMatMul.Nt(pool, product.Input, product.GroupOffsets, product.Weight, product.Result, accumulate: false, product.Precision);
    }
}
