namespace Hadal.Numerics;

/// <summary>What a product of rows and a stretch of a panel is called with. The kernel uses it as its variables.</summary>
internal unsafe struct PanelArguments
{
    /// <summary>The first row of activations: bytes, or F32.</summary>
    public void* Activations;

    /// <summary>Bytes from row to row.</summary>
    public long Stride;

    /// <summary>The scales of the first row, if it is bytes.</summary>
    public ActivationScale* Scales;

    /// <summary>Bytes from row to row.</summary>
    public long ScaleStride;

    /// <summary>The scales of the weights.</summary>
    public byte* Heads;

    /// <summary>The elements of the weights.</summary>
    public byte* Elements;

    /// <summary>How many blocks, one at least.</summary>
    public long Blocks;

    /// <summary>What is asked for ahead of its use, first, where weights are read straight: the kernel goes on from there.</summary>
    public byte* Ahead;

    /// <summary>Where weights end that are asked for ahead of their use; null if none are.</summary>
    public byte* PrefetchEnd;

    /// <summary>For each row of activations 16 sums, one for each row of weights.</summary>
    public float* Sums;

    /// <summary>Bytes from row to row.</summary>
    public long SumStride;

    /// <summary>Not zero if the sums begin at zero, whatever the memory holds.</summary>
    public long Begin;

    /// <summary>How many times as many rows as the kernel takes follow each other, for the kernel of most rows of bytes; one at least.</summary>
    public long Groups;

    /// <summary>Memory of the kernel's own.</summary>
    public long BlocksLeft;
}
