using System.Buffers.Binary;
using Hadal.Checkpoints.Safetensors;
using Hadal.Numerics;

namespace Hadal.Tests.Checkpoints;

/// <summary>One tensor in memory.</summary>
internal sealed record EditedTensor(ElementType Type, long[] Shape, byte[] Bytes);

/// <summary>All tensors of a small safetensors file in memory, to be changed and written back.</summary>
internal sealed class EditedTensors
{
    public Dictionary<string, EditedTensor> Tensors { get; } = [];

    /// <summary>Reads a file, lets the test change it, and writes it again.</summary>
    public static void Change(string path, Action<EditedTensors> change)
    {
        EditedTensors edited = new();
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            foreach ((string name, SafetensorsEntry entry) in file.Tensors)
            {
                byte[] bytes = file.ReadBytes(entry, 0, (int)entry.ByteLength).ToArray();
                edited.Tensors.Add(name, new EditedTensor(entry.ElementType, [.. entry.Shape], bytes));
            }
        }

        change(edited);
        SafetensorsTensorSpec[] specs = [.. edited.Tensors.Select(pair => new SafetensorsTensorSpec(pair.Key, pair.Value.Type, pair.Value.Shape))];
        SafetensorsWriter.Write(path, specs, (spec, stream) => stream.Write(edited.Tensors[spec.Name].Bytes));
    }

    /// <summary>Puts an F32 value into a tensor.</summary>
    public static void SetFloat(string path, string tensor, int index, Func<float, float> change) => Change(path, edited =>
    {
        Span<byte> bytes = edited.Tensors[tensor].Bytes.AsSpan(index * sizeof(float));
        BinaryPrimitives.WriteSingleLittleEndian(bytes, change(BinaryPrimitives.ReadSingleLittleEndian(bytes)));
    });

    /// <summary>Puts an I64 value into a tensor.</summary>
    public static void SetInteger(string path, string tensor, int index, long value) => Change(path, edited =>
        BinaryPrimitives.WriteInt64LittleEndian(edited.Tensors[tensor].Bytes.AsSpan(index * sizeof(long)), value));

    /// <summary>Makes a tensor one of zeros of another type or shape.</summary>
    public void Replace(string name, ElementType type, params long[] shape) =>
        Tensors[name] = new EditedTensor(type, shape, new byte[shape.Aggregate(1L, (product, d) => product * d) * type.SizeInBytes()]);
}
