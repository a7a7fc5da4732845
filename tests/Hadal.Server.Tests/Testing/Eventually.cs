namespace Hadal.Server.Tests.Testing;

/// <summary>Waits for what will be so, without saying when.</summary>
internal static class Eventually
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>Fails if it still isn't so after a time that is long enough for any machine.</summary>
    public static async Task HoldsAsync(Func<Task<bool>> condition, string what)
    {
        long start = Environment.TickCount64;
        while (!await condition())
        {
            Assert.True(Environment.TickCount64 - start < s_patience.TotalMilliseconds, $"it never came that {what}");
            await Task.Delay(10);
        }
    }
}
