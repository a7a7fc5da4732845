using Hadal.Cli.Commands;
using Hadal.Numerics;

namespace Hadal.Tests.Cli;

/// <summary>What `hadal info` says of generated kernels.</summary>
public sealed class InfoCommandTests
{
    [Fact]
    public void What_keeps_several_kinds_of_kernels_away_is_said_once()
    {
        GeneratedKernelFamily[] families = [new("tiles", "refused"), new("vectors", "no such instructions"), new("panels", "refused")];
        Assert.Equal(["tiles; panels: not here, refused", "vectors: not here, no such instructions"], InfoCommand.GeneratedLines(families));
    }

    [Fact]
    public void Kernels_that_are_there_have_a_line_each() =>
        Assert.Equal(2, InfoCommand.GeneratedLines([new("tiles", null), new("vectors", null)]).Count());
}
