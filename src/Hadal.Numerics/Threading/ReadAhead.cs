using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Hadal.Numerics;

/// <summary>
/// What a thread asks memory for while it waits for the next parallel region. Between the regions of a decoded token memory would rest, and what reads
/// weights would begin cold. The same regions follow each other token by token, so a thread remembers, for the address where it began to read
/// in a region, where it began in the region that came next; if that was so twice, it starts to load it into its second-level cache. An address that nobody
/// reads, or that is no longer memory, costs some bandwidth that nothing else wanted, and never a fault.
/// </summary>
internal sealed unsafe class ReadAhead
{
    /// <summary>Most bytes that are asked for between two regions: a fraction of a second-level cache, and what arrives in some microseconds.</summary>
    public const int MostBytes = 128 * 1024;

    // Lines that are asked for between two looks for work.
    private const int LinesAtOnce = 8;

    // Regions that are remembered, a power of two: a model of 61 layers has some hundreds, and two that share an entry only forget.
    private const int EntryBits = 11;

    [ThreadStatic]
    private static ReadAhead? t_own;

    private readonly Entry[] _followers = new Entry[1 << EntryBits];
    private byte* _began;
    private byte* _at;
    private byte* _end;
    private bool _isOpen;

    /// <summary>This thread's.</summary>
    public static ReadAhead Own => t_own ??= new ReadAhead();

    /// <summary>Where the thread is expected to begin in the region after this one; null without an expectation, or if all of it was asked for.</summary>
    public byte* Expected => _at;

    /// <summary>Begins a region: the next <see cref="Note"/> tells where.</summary>
    public void Begin() => _isOpen = true;

    /// <summary>Tells where a part begins to read what is read once. Only the thread's first of a region counts.</summary>
    public static void Note(byte* start)
    {
        ReadAhead? own = t_own;
        if (own is { _isOpen: true }) own.Remember(start);
    }

    /// <summary>Asks for some lines.</summary>
    /// <returns>Whether there were any to ask for.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Ask()
    {
        if (_at == null) return false;
        CacheLines.PrefetchToSecondLevel(_at, LinesAtOnce);
        _at += LinesAtOnce * CacheLines.Size;
        if (_at >= _end) _at = null;
        return true;
    }

    private void Remember(byte* start)
    {
        _isOpen = false;
        ref Entry last = ref Find(_began);
        last = new Entry { Region = _began, Next = start, IsCertain = last.Region == _began && last.Next == start };
        _began = start;

        Entry entry = Find(start);
        _at = Sse.IsSupported && entry.Region == start && entry.IsCertain ? entry.Next : null;
        _end = _at + MostBytes;
    }

    // Fibonacci hashing: weights lie at multiples of large powers of two.
    private ref Entry Find(byte* region) => ref _followers[(int)((ulong)region / CacheLines.Size * 0x9E37_79B9_7F4A_7C15 >> (64 - EntryBits))];

    private struct Entry
    {
        public byte* Region;
        public byte* Next;
        public bool IsCertain;
    }
}
