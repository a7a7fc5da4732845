namespace Hadal.Numerics;

/// <summary>
/// The integer side of products of bytes, for one register width and instruction set. A lane is a row of weights: 32 bits that hold four
/// columns, or a sum. All of it is exact, so all give the same bits.
/// </summary>
internal unsafe interface IByteLanes<TInt, TVector>
    where TInt : struct
    where TVector : struct
{
    static abstract int Count { get; }

    /// <summary>What <see cref="DotBytes"/> takes off a weight by itself is missing here: the bias that is left of Q8_0's 128.</summary>
    static abstract int BiasLeft { get; }

    static abstract TInt Load(byte* source);

    static abstract TInt Create(int value);

    static abstract TInt And(TInt value, TInt mask);

    static abstract TInt Or(TInt a, TInt b);

    static abstract TInt ShiftLeft(TInt value, int count);

    static abstract TInt ShiftRight(TInt value, int count);

    /// <summary>Adds to each lane the dot product of its four weights, each below 64, with four activations, the same for all lanes.</summary>
    static abstract TInt Dot(TInt sum, TInt weights, TInt activations);

    /// <summary>The same for weights of any byte; those of which <see cref="BiasLeft"/> is 0 are taken 128 lower.</summary>
    static abstract TInt DotBytes(TInt sum, TInt weights, TInt activations);

    static abstract TVector ToSingle(TInt value);

    /// <summary>Loads F16 numbers.</summary>
    static abstract TVector Halves(byte* source);

    static abstract TVector Bytes(byte* source);

    static abstract TVector SignedBytes(byte* source);
}
