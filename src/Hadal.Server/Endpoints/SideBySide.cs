using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Hadal.Server.Endpoints;

/// <summary>Runs several enumerations at once and gives what they give as it comes.</summary>
internal static class SideBySide
{
    /// <summary>Items with the number of the enumeration that they are from; the first that fails ends all.</summary>
    public static async IAsyncEnumerable<(int Source, T Item)> Run<T>(
        IReadOnlyList<IAsyncEnumerable<T>> sources, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using CancellationTokenSource all = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Channel<(int, T)> items = Channel.CreateUnbounded<(int, T)>(new UnboundedChannelOptions { SingleReader = true });
        int running = sources.Count;
        Task[] pumps = [.. sources.Select(PumpAsync)];
        try
        {
            await foreach ((int, T) item in items.Reader.ReadAllAsync(cancellation).ConfigureAwait(false)) yield return item;
        }
        finally
        {
            await all.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(pumps).ConfigureAwait(false);
        }

        async Task PumpAsync(IAsyncEnumerable<T> source, int number)
        {
            try
            {
                await foreach (T item in source.WithCancellation(all.Token).ConfigureAwait(false)) items.Writer.TryWrite((number, item));
                if (Interlocked.Decrement(ref running) == 0) items.Writer.TryComplete();
            }
#pragma warning disable CA1031 // It is thrown again where the items are read.
            catch (Exception e)
#pragma warning restore CA1031
            {
                items.Writer.TryComplete(e);
                await all.CancelAsync().ConfigureAwait(false);
            }
        }
    }
}
