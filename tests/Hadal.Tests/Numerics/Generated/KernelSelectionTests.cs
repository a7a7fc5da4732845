using Hadal.Numerics;

namespace Hadal.Tests.Numerics.Generated;

[Trait("Category", "Kernels")]
public sealed class KernelSelectionTests
{
    private static readonly GeneratedKernelFamily[] s_possible = [new("a", "the processor has no AMX-BF16"), new("b", null)];
    private static readonly GeneratedKernelFamily[] s_impossible = [new("a", "the system refuses AMX: Operation not permitted")];

    [Theory]
    [InlineData(null, KernelKind.Generated)]
    [InlineData("", KernelKind.Generated)]
    [InlineData("generated", KernelKind.Generated)]
    [InlineData("managed", KernelKind.Managed)]
    [InlineData("reference", KernelKind.Reference)]
    public void Where_some_family_can_run_it_is_the_default(string? text, KernelKind expected) =>
        Assert.Equal(expected, KernelSelection.Choose(text, s_possible));

    [Theory]
    [InlineData(null, KernelKind.Managed)]
    [InlineData("", KernelKind.Managed)]
    [InlineData("managed", KernelKind.Managed)]
    [InlineData("reference", KernelKind.Reference)]
    public void Where_none_can_run_managed_kernels_are_the_default(string? text, KernelKind expected) =>
        Assert.Equal(expected, KernelSelection.Choose(text, s_impossible));

    [Fact]
    public void Asking_for_generated_kernels_that_cannot_run_says_why()
    {
        string message = Assert.Throws<FormatException>(() => KernelSelection.Choose("generated", s_impossible)).Message;
        Assert.Contains("the system refuses AMX: Operation not permitted", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reason_of_several_families_is_given_once()
    {
        GeneratedKernelFamily[] families = [.. s_impossible, new("b", s_impossible[0].Obstacle)];
        string message = Assert.Throws<FormatException>(() => KernelSelection.Choose("generated", families)).Message;
        Assert.Single(message.Split("the system refuses AMX").Skip(1));
    }

    [Fact]
    public void A_word_that_names_no_kind_is_quoted() =>
        Assert.Contains("'fast'", Assert.Throws<FormatException>(() => KernelSelection.Choose("fast", s_possible)).Message, StringComparison.Ordinal);

    [Fact]
    public void Generated_code_is_not_used_when_the_process_turned_vectors_off()
    {
        if (System.Runtime.Intrinsics.X86.Avx512BW.IsSupported) Assert.Equal(ProcessorFeature.Present, ProcessorFeature.Usable);
        else Assert.Equal(ProcessorFeatures.None, ProcessorFeature.Usable);
    }
}
