using System.Reflection;
using System.Security;
using Hadal.Models;
using Hadal.Numerics;
using Hadal.Tests.Architecture.Sample.Upper;

namespace Hadal.Tests.Architecture;

/// <summary>What the folders of the library may use, read from the compiled program: signatures and code alike.</summary>
public sealed class FolderOrderTests
{
    private const string SampleRoot = "Hadal.Tests.Architecture.Sample";

    private static readonly FolderOrder s_order = new(
        "Hadal", "Autograd", "Models", "Checkpoints", "Tokenization", "Inference", "Data", "Parallel", "Training", "Reinforcement", "Search");

    private static readonly FolderOrder s_sample = new(SampleRoot, "Upper", "Lower");

    private static Type[] Library => typeof(Transformer).Assembly.GetTypes();

    [Fact]
    public void A_folder_uses_only_those_above_it() => Assert.Empty(s_order.Violations(Library.Where(type => s_order.Folder(type) is not null)));

    [Fact]
    public void The_library_is_seen_with_its_code()
    {
        Assert.Contains("Models", Library.Select(s_order.Folder));
        Assert.Contains("Checkpoints", Library.Select(s_order.Folder));

        // From Checkpoints down to Models and from Models down to Autograd would be violations; upwards they are uses like any other.
        FolderOrder reversed = new("Hadal", "Search", "Checkpoints", "Models", "Autograd");
        string[] found = [.. reversed.Violations([typeof(Transformer), typeof(Hadal.Checkpoints.ModelReader)])];
        Assert.Contains("Hadal.Models.Transformer uses Hadal.Autograd.RowsOperation in Forward: Models is above Autograd", found);
        Assert.Contains("Hadal.Checkpoints.ModelReader uses Hadal.Models.Transformer in Read: Checkpoints is above Models", found);
    }

    [Theory]
    [InlineData(typeof(ByAttribute))]
    [InlineData(typeof(ByBaseType))]
    [InlineData(typeof(ByCatch))]
    [InlineData(typeof(ByCode))]
    [InlineData(typeof(ByConstraint<>))]
    [InlineData(typeof(ByField))]
    [InlineData(typeof(ByGenericCall))]
    [InlineData(typeof(ByInterface))]
    [InlineData(typeof(ByIterator))]
    [InlineData(typeof(ByLambda))]
    [InlineData(typeof(ByLocal))]
    [InlineData(typeof(ByParameter))]
    [InlineData(typeof(ByProperty))]
    [InlineData(typeof(ByReturn))]
    [InlineData(typeof(ByTypeOf))]
    public void A_use_of_a_lower_folder_is_found_wherever_it_hides(Type type)
    {
        IEnumerable<Type> withNested = type.GetNestedTypes(BindingFlags.NonPublic | BindingFlags.Public).Prepend(type);
        Assert.Contains(s_sample.Violations(withNested), sentence => sentence.Contains($"uses {SampleRoot}.Lower.", StringComparison.Ordinal));
    }

    [Fact]
    public void Uses_upwards_and_within_a_folder_are_no_violation() =>
        Assert.Empty(s_sample.Violations([typeof(Sample.Lower.Thing), typeof(Sample.Lower.UsesUpper), typeof(UsesItsOwnFolder)]));

    [Fact]
    public void A_folder_without_a_place_in_the_order_is_found() => Assert.Equal(
        [$"{SampleRoot}.Upper.ByField is in Upper, which has no place in the order"],
        new FolderOrder(SampleRoot, "Lower").Violations([typeof(ByField)]));

    [Fact]
    public void Unsafe_code_is_in_the_numerics_only()
    {
        // The compiler marks every module that was allowed to have unsafe code.
        Assert.True(AllowsUnsafe(typeof(NativeBuffer)));
        Assert.False(AllowsUnsafe(typeof(Transformer)));
        Assert.False(AllowsUnsafe(typeof(Hadal.Cli.CommandLine)));

        static bool AllowsUnsafe(Type type) => type.Module.IsDefined(typeof(UnverifiableCodeAttribute), inherit: false);
    }

    [Fact]
    public void Pointers_are_in_the_numerics_and_in_the_mapping_of_safetensors_only()
    {
        Assert.NotEmpty(typeof(NativeBuffer).Assembly.GetTypes().SelectMany(Pointers));
        Assert.Empty(Library.Where(type => type.Namespace?.StartsWith("Hadal.", StringComparison.Ordinal) == true
            && type.Namespace != "Hadal.Checkpoints.Safetensors").SelectMany(Pointers));

        // Only what a type declares itself: a span on the stack is safe, though it is made through a constructor that takes a pointer.
        static IEnumerable<string> Pointers(Type type) => TypeUses.Declared(type).Where(use => use.Used.IsPointer || use.Used.IsFunctionPointer)
            .Select(use => $"{type.FullName} has {use.Used} in {use.Place}");
    }

    [Fact]
    public void The_classes_that_go_around_the_type_system_are_used_in_the_numerics_only()
    {
        string[] names = ["System.Runtime.CompilerServices.Unsafe", "System.Runtime.InteropServices.NativeMemory"];
        Assert.NotEmpty(Uses(typeof(NativeBuffer).Assembly.GetTypes()));
        Assert.Empty(Uses(Library.Where(type => s_order.Folder(type) is not null)));

        IEnumerable<string> Uses(IEnumerable<Type> types) => types.SelectMany(type => TypeUses.Of(type)
            .Where(use => names.Contains(use.Used.FullName)).Select(use => $"{type.FullName} uses {use.Used} in {use.Place}"));
    }
}
