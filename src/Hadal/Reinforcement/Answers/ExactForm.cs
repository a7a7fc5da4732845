using System.Globalization;
using System.Numerics;
using System.Text;

namespace Hadal.Reinforcement.Answers;

/// <summary>
/// A sum of rational multiples of products of π, e, variables, i and square roots of primes: the normal form in which two formulas are
/// equal exactly when their texts are. What doesn't fit it (a sum as divisor, a sine, a root of a sum) has no exact form, and
/// <see cref="FormulaComparison"/> falls back on numbers.
/// </summary>
internal sealed class ExactForm
{
    // Bounds on what a hostile answer can make: terms of a sum, bits of a coefficient, size of an exponent, numbers that are factored.
    private const int MostTerms = 64;
    private const int MostBits = 4096;
    private const int LargestExponent = 512;
    private const long LargestFactored = 10_000_000_000;

    private readonly SortedDictionary<string, (Product Product, Rational Coefficient)> _terms;

    private ExactForm(SortedDictionary<string, (Product Product, Rational Coefficient)> terms) => _terms = terms;

    public static ExactForm Of(Rational value) => Single(Product.One, value);

    public static ExactForm Symbol(string name) => Single(Product.Of(name, 1), 1);

    /// <summary>The value if it is a rational number, else null.</summary>
    public Rational? Number => _terms.Count == 0 ? Rational.Zero
        : _terms.Count == 1 && _terms.First().Value is { Product.IsOne: true } only ? only.Coefficient : null;

    public ExactForm? Plus(ExactForm other)
    {
        SortedDictionary<string, (Product, Rational)> terms = NewTerms();
        foreach ((Product product, Rational coefficient) in _terms.Values) Add(terms, product, coefficient);
        foreach ((Product product, Rational coefficient) in other._terms.Values) Add(terms, product, coefficient);
        return Checked(terms);
    }

    public ExactForm? Times(ExactForm other)
    {
        if ((long)_terms.Count * other._terms.Count > 16 * MostTerms) return null;
        SortedDictionary<string, (Product, Rational)> terms = NewTerms();
        foreach ((Product a, Rational x) in _terms.Values)
        {
            foreach ((Product b, Rational y) in other._terms.Values)
            {
                Product product = a.Times(b, out Rational factor);
                Add(terms, product, x * y * factor);
            }
        }

        return Checked(terms);
    }

    /// <summary>1 / x for a single term; null for a sum and for zero.</summary>
    public ExactForm? Inverse()
    {
        if (_terms.Count != 1) return null;
        (Product product, Rational coefficient) = _terms.First().Value;
        Product inverse = product.Inverse(out Rational factor);
        return Checked(Single(inverse, factor / coefficient)._terms);
    }

    public ExactForm? Power(ExactForm exponent)
    {
        if (exponent.Number is not { } number) return null;
        if (number == Rational.One / 2) return SquareRoot();
        if (!number.IsInteger || BigInteger.Abs(number.Numerator) > LargestExponent) return null;
        int n = (int)number.Numerator;
        if (n < 0) return Inverse()?.Power(Of(-n));
        ExactForm? result = Of(1), square = this;
        for (; n > 0; n >>= 1)
        {
            if ((n & 1) != 0) result = result?.Times(square!);
            if (n > 1) square = square!.Times(square);
            if (result is null || square is null) return null;
        }

        return result;
    }

    /// <summary>The principal root of a rational number; null for others and where factoring would take long.</summary>
    public ExactForm? SquareRoot()
    {
        // √(p/q) = √(p q) / q
        if (Number is not { } number) return null;
        BigInteger radicand = BigInteger.Abs(number.Numerator) * number.Denominator;
        if (radicand > LargestFactored) return PerfectRoot(number);
        long rest = (long)radicand, outside = 1;
        Product inside = Product.One;
        for (long prime = 2; prime * prime <= rest; prime += prime == 2 ? 1 : 2)
        {
            while (rest % (prime * prime) == 0) (rest, outside) = (rest / (prime * prime), outside * prime);
            if (rest % prime == 0) (rest, inside) = (rest / prime, inside.Times(Product.Root(prime), out _));
        }

        if (rest > 1) inside = inside.Times(Product.Root(rest), out _);
        if (number.Numerator.Sign < 0) inside = inside.Times(Product.Of(Product.I, 1), out _);
        return rest == 0 ? Of(0) : Single(inside, Rational.Of(outside) / Rational.Of(number.Denominator));
    }

    public bool Equals(ExactForm other) => Key() == other.Key();

    private string Key()
    {
        StringBuilder key = new();
        foreach ((string product, (_, Rational coefficient)) in _terms) key.Append(CultureInfo.InvariantCulture, $"{coefficient} {product};");
        return key.ToString();
    }

    private static ExactForm? PerfectRoot(Rational number)
    {
        if (number.Numerator.Sign < 0 || number.Bits > MostBits) return null;
        return Root(number.Numerator) is { } p && Root(number.Denominator) is { } q ? Of(Rational.Of(p) / Rational.Of(q)) : null;

        static BigInteger? Root(BigInteger n)
        {
            // Newton's iteration from above ends at the floor of the root.
            BigInteger x = BigInteger.One << (int)(n.GetBitLength() / 2 + 1);
            while (true)
            {
                BigInteger next = (x + n / x) >> 1;
                if (next >= x) return x * x == n ? x : null;
                x = next;
            }
        }
    }

    private static ExactForm Single(Product product, Rational coefficient)
    {
        SortedDictionary<string, (Product, Rational)> terms = NewTerms();
        Add(terms, product, coefficient);
        return new ExactForm(terms);
    }

    private static SortedDictionary<string, (Product Product, Rational Coefficient)> NewTerms() => new(StringComparer.Ordinal);

    private static void Add(SortedDictionary<string, (Product Product, Rational Coefficient)> terms, Product product, Rational coefficient)
    {
        Rational sum = terms.TryGetValue(product.Key, out (Product, Rational Coefficient) old) ? old.Coefficient + coefficient : coefficient;
        if (sum.IsZero) terms.Remove(product.Key);
        else terms[product.Key] = (product, sum);
    }

    private static ExactForm? Checked(SortedDictionary<string, (Product Product, Rational Coefficient)> terms) =>
        terms.Count > MostTerms || terms.Values.Any(static t => t.Coefficient.Bits > MostBits || t.Product.LargestExponent > LargestExponent)
            ? null : new ExactForm(terms);

    /// <summary>A product of powers. Exponents of i and of roots are 0 or 1: what goes beyond becomes a rational factor.</summary>
    private sealed class Product
    {
        public const string I = "i";
        private const char RootSign = '√';

        private readonly SortedDictionary<string, int> _powers;

        private Product(SortedDictionary<string, int> powers)
        {
            _powers = powers;
            Key = string.Join(' ', powers.Select(static p => $"{p.Key}^{p.Value}"));
        }

        public static Product One { get; } = new(new(StringComparer.Ordinal));

        public string Key { get; }

        public bool IsOne => _powers.Count == 0;

        public int LargestExponent => _powers.Count == 0 ? 0 : _powers.Values.Max(Math.Abs);

        public static Product Of(string name, int power) => new(new(StringComparer.Ordinal) { [name] = power });

        public static Product Root(long prime) => Of($"{RootSign}{prime}", 1);

        public Product Times(Product other, out Rational factor)
        {
            factor = 1;
            SortedDictionary<string, int> powers = new(_powers, StringComparer.Ordinal);
            foreach ((string name, int power) in other._powers)
            {
                int sum = powers.GetValueOrDefault(name) + power;
                if (sum == 2 && Square(name) is { } square) (factor, sum) = (factor * square, 0);
                if (sum == 0) powers.Remove(name);
                else powers[name] = sum;
            }

            return new Product(powers);
        }

        public Product Inverse(out Rational factor)
        {
            // 1/√p = √p / p and 1/i = -i
            factor = 1;
            SortedDictionary<string, int> powers = new(StringComparer.Ordinal);
            foreach ((string name, int power) in _powers)
            {
                if (Square(name) is { } square) factor /= square;
                powers[name] = Square(name) is null ? -power : power;
            }

            return new Product(powers);
        }

        private static Rational? Square(string name) =>
            name == I ? -1 : name[0] == RootSign ? long.Parse(name.AsSpan(1), CultureInfo.InvariantCulture) : null;
    }
}
