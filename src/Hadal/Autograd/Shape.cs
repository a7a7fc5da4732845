namespace Hadal.Autograd;

/// <summary>The lengths of a tensor's dimensions, outermost first; at most four, held inline so that shapes cost no allocation.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>Most dimensions that a tensor can have.</summary>
    public const int MaxRank = 4;

    private readonly int _d0, _d1, _d2, _d3;

    /// <summary>A vector of <paramref name="d0"/> elements.</summary>
    public Shape(int d0) : this(1, d0, 1, 1, 1)
    {
    }

    /// <summary>A matrix.</summary>
    public Shape(int d0, int d1) : this(2, d0, d1, 1, 1)
    {
    }

    /// <summary>Three dimensions.</summary>
    public Shape(int d0, int d1, int d2) : this(3, d0, d1, d2, 1)
    {
    }

    /// <summary>Four dimensions.</summary>
    public Shape(int d0, int d1, int d2, int d3) : this(4, d0, d1, d2, d3)
    {
    }

    private Shape(int rank, int d0, int d1, int d2, int d3)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(d0);
        ArgumentOutOfRangeException.ThrowIfNegative(d1);
        ArgumentOutOfRangeException.ThrowIfNegative(d2);
        ArgumentOutOfRangeException.ThrowIfNegative(d3);
        Rank = rank;
        (_d0, _d1, _d2, _d3) = (d0, d1, d2, d3);
    }

    /// <summary>Number of dimensions; 0 is a scalar.</summary>
    public int Rank { get; }

    /// <summary>Number of elements.</summary>
    /// <exception cref="OverflowException">The product does not fit 64 bits.</exception>
    public long Count => Rank == 0 ? 1 : checked((long)_d0 * _d1 * _d2 * _d3);

    /// <summary>The innermost length: the columns when the tensor is seen as a matrix.</summary>
    public int Last => Rank == 0 ? 1 : this[Rank - 1];

    /// <summary>The product of all lengths but the innermost: the rows when the tensor is seen as a matrix.</summary>
    /// <exception cref="OverflowException">The product does not fit 32 bits.</exception>
    public int Rows => Last == 0 ? 0 : checked((int)(Count / Last));

    /// <summary>Length of dimension <paramref name="dimension"/>.</summary>
    public int this[int dimension]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(dimension);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(dimension, Rank);
            return dimension switch { 0 => _d0, 1 => _d1, 2 => _d2, _ => _d3 };
        }
    }

    /// <inheritdoc/>
    public bool Equals(Shape other) =>
        Rank == other.Rank && (Rank == 0 || (_d0 == other._d0 && _d1 == other._d1 && _d2 == other._d2 && _d3 == other._d3));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, _d0, _d1, _d2, _d3);

    /// <summary>The lengths in brackets, as <c>[320, 64]</c>.</summary>
    public override string ToString() => Rank switch
    {
        0 => "[]",
        1 => $"[{_d0}]",
        2 => $"[{_d0}, {_d1}]",
        3 => $"[{_d0}, {_d1}, {_d2}]",
        _ => $"[{_d0}, {_d1}, {_d2}, {_d3}]",
    };

    /// <summary>Whether both shapes have the same lengths.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether the shapes differ.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);
}
