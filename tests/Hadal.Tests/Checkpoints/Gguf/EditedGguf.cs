using Hadal.Checkpoints.Gguf;

namespace Hadal.Tests.Checkpoints.Gguf;

/// <summary>A GGUF file taken apart, to be changed and written again.</summary>
internal sealed class EditedGguf
{
    public Dictionary<string, object> Keys { get; } = [];

    public Dictionary<string, (GgmlType Type, long[] Dimensions, byte[] Bytes)> Tensors { get; } = [];

    public static EditedGguf Read(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        EditedGguf edited = new();
        foreach (string key in file.Metadata.Keys) edited.Keys.Add(key, file.Metadata.Value(key)!);
        foreach (GgufTensor tensor in file.Tensors.Values)
        {
            edited.Tensors.Add(tensor.Name, (tensor.Type, [.. tensor.Dimensions], file.ReadBytes(tensor, 0, (int)tensor.ByteLength).ToArray()));
        }

        return edited;
    }

    public static float[] Values(string path, string name)
    {
        using GgufFile file = GgufFile.Open(path);
        GgufTensor tensor = file.Tensors[name];
        float[] values = new float[tensor.ElementCount];
        file.ReadRows(tensor, 0, (int)(tensor.ElementCount / tensor.RowLength), values);
        return values;
    }

    public void Write(string path) => GgufWriter.Write(
        path, Keys, [.. Tensors.Select(tensor => new GgufTensorSpec(tensor.Key, tensor.Value.Type, tensor.Value.Dimensions))],
        (spec, stream) => stream.Write(Tensors[spec.Name].Bytes));
}
