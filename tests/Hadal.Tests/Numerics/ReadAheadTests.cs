using System.Runtime.Intrinsics.X86;
using Hadal.Numerics;
using Hadal.Tests.Numerics.Kernels;

namespace Hadal.Tests.Numerics;

/// <summary>What a waiting thread expects to read next. Addresses are made up: none of them is ever read, only asked for.</summary>
[Trait("Category", "Kernels")]
public sealed unsafe class ReadAheadTests
{
    private const int Model = 0x4000_0000, Stride = 3 << 20;

    [SkippableFact]
    public void After_two_rounds_of_the_same_regions_each_announces_the_one_that_follows()
    {
        Skip.IfNot(Sse.IsSupported, "there is no instruction that asks for memory");
        OnThreadOfItsOwn(ahead =>
        {
            Visit(ahead, 0, 1, 2, 3, 0, 1, 2, 3, 0);
            for (int step = 1; step < 20; step++)
            {
                Assert.Equal(Region(step % 4), (nint)ahead.Expected);
                Visit(ahead, step % 4);
            }
        });
    }

    [SkippableFact]
    public void What_followed_only_once_or_follows_no_longer_is_not_asked_for()
    {
        Skip.IfNot(Sse.IsSupported, "there is no instruction that asks for memory");
        OnThreadOfItsOwn(ahead =>
        {
            Visit(ahead, 0, 1, 0);
            Assert.Equal(0, (nint)ahead.Expected);
            Assert.False(ahead.Ask());
            Visit(ahead, 1, 0);
            Assert.Equal(Region(1), (nint)ahead.Expected);
            Visit(ahead, 2, 0);
            Assert.Equal(0, (nint)ahead.Expected);
        });
    }

    [SkippableFact]
    public void Only_the_first_part_of_a_region_counts_and_regions_without_weights_are_passed_over()
    {
        Skip.IfNot(Sse.IsSupported, "there is no instruction that asks for memory");
        OnThreadOfItsOwn(ahead =>
        {
            for (int round = 0; round < 3; round++)
            {
                ahead.Begin();
                ReadAhead.Note((byte*)Region(0));
                ReadAhead.Note((byte*)Region(7));
                ahead.Begin();
                ahead.Begin();
                ReadAhead.Note((byte*)Region(1));
            }

            Assert.Equal(Region(0), (nint)ahead.Expected);
            Visit(ahead, 0);
            Assert.Equal(Region(1), (nint)ahead.Expected);
        });
    }

    [SkippableFact]
    public void Asking_ends()
    {
        Skip.IfNot(Sse.IsSupported, "there is no instruction that asks for memory");
        OnThreadOfItsOwn(ahead =>
        {
            Visit(ahead, 0, 1, 0, 1, 0);
            long asked = 0;
            while (ahead.Ask()) asked++;
            Assert.InRange(asked, 1, ReadAhead.MostBytes / CacheLines.Size);
            Assert.Equal(0, (nint)ahead.Expected);
        });
    }

    [SkippableFact]
    public void Products_tell_where_their_weights_begin()
    {
        Skip.IfNot(Sse.IsSupported, "there is no instruction that asks for memory");
        Skip.If(KernelSelection.Current == KernelKind.Reference, "the reference has no parts");
        using WorkerPool pool = new(1);
        OnThreadOfItsOwn(ahead =>
        {
            Matrix x = Sample.Random(1, 1, 256), y = Sample.Empty(1, 64);
            Matrix[] weights = [Weights(ElementType.F32), Weights(ElementType.Q8_0), Weights(ElementType.BF16)];
            for (int i = 0; i < 9; i++)
            {
                Assert.Equal(i < 7 ? 0 : (nint)weights[i % 3].Data, (nint)ahead.Expected);
                ahead.Begin();
                Hadal.Numerics.MatMul.Nt(pool, x, weights[i % 3], y, accumulate: false, i % 3 == 2 ? ProductPrecision.BF16 : ProductPrecision.F32);
            }

            Matrix Weights(ElementType type)
            {
                Matrix weights = new(new NativeBuffer(type.ByteLength(64, 256)), type, 0, 64, 256);
                Elementwise.Copy(pool, Sample.Random(2, 64, 256), weights);
                return weights;
            }
        });
    }

    [SkippableFact]
    public void Threads_of_a_pool_expect_their_own_parts_and_ask_while_they_wait()
    {
        Skip.IfNot(Sse.IsSupported, "there is no instruction that asks for memory");
        using WorkerPool pool = new(2);
        using Barrier both = new(2);
        OnThreadOfItsOwn(caller =>
        {
            for (int step = 0; step < 12; step++)
            {
                Seen seen = new();
                ReadingJob job = new(both, seen, step % 3);
                pool.Run(ref job, 2);
                Assert.Same(caller, seen.Of[0]);
                Assert.NotSame(caller, seen.Of[1]);
                if (step < 6) continue;
                Assert.Equal([Start((step + 1) % 3, 0), Start((step + 1) % 3, 1)], seen.Expected);
                Assert.True(seen.HasAsked, "the worker that was ready first has not asked for what it expected");
            }
        });
    }

    private static nint Start(int region, int part) => Region(2 * region + part);

    private static nint Region(int index) => Model + index * Stride;

    private static void Visit(ReadAhead ahead, params ReadOnlySpan<int> regions)
    {
        foreach (int region in regions)
        {
            ahead.Begin();
            ReadAhead.Note((byte*)Region(region));
        }
    }

    private sealed class Seen
    {
        public ReadAhead?[] Of { get; } = new ReadAhead?[2];

        public nint[] Expected { get; } = new nint[2];

        public bool HasAsked { get; set; }
    }

    // A part for each of two threads; the caller's lasts until the other thread has asked for all that it expects.
    private readonly struct ReadingJob(Barrier both, Seen seen, int region) : IParallelJob
    {
        public void Execute(int part)
        {
            ReadAhead.Note((byte*)Start(region, part));
            (seen.Of[part], seen.Expected[part]) = (ReadAhead.Own, (nint)ReadAhead.Own.Expected);
            both.SignalAndWait();
            if (part == 0) seen.HasAsked = SpinWait.SpinUntil(HasNothingLeft, TimeSpan.FromSeconds(20));
        }

        private bool HasNothingLeft() => seen.Of[1]!.Expected == null;
    }

    // What a thread expects is its own.
    private static void OnThreadOfItsOwn(Action<ReadAhead> test)
    {
        Exception? failure = null;
        Thread thread = new(() => failure = Record.Exception(() => test(ReadAhead.Own)));
        thread.Start();
        thread.Join();
        if (failure is not null) throw failure;
    }
}
