using System.Runtime.InteropServices;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace Hadal.Benchmarks.OneDnn;

/// <summary>What the comparison needs of oneDNN 2's C API (dnnl.h); descriptors are opaque blocks of memory, long enough for every 2.x.</summary>
internal static partial class OneDnnLibrary
{
    public const int DescriptorBytes = 16 * 1024;
    public const int Bf16 = 2, F32 = 3;
    public const int AnyLayout = 1, RowMajor = 3, ColumnMajor = 22;
    public const int Source = 1, Destination = 17, Weights = 33;
    public const int WeightsQuery = 131;
    public const nint Allocate = -1;
    private const string Library = "libdnnl.so.2";
    private const int Cpu = 1;

    /// <summary>Whether the library is installed.</summary>
    public static bool IsInstalled()
    {
        if (!NativeLibrary.TryLoad(Library, out nint handle)) return false;
        NativeLibrary.Free(handle);
        return true;
    }

    public static nint CreateEngine()
    {
        Check(dnnl_engine_create(out nint engine, Cpu, 0));
        return engine;
    }

    public static nint CreateStream(nint engine)
    {
        Check(dnnl_stream_create(out nint stream, engine, 1));
        return stream;
    }

    public static byte[] Describe(int rows, int columns, int type, int layout)
    {
        byte[] descriptor = new byte[DescriptorBytes];
        Check(dnnl_memory_desc_init_by_tag(descriptor, 2, [rows, columns, .. new long[10]], type, layout));
        return descriptor;
    }

    public static nint DescribeProduct(nint engine, byte[] source, byte[] weights, byte[] destination)
    {
        byte[] product = new byte[DescriptorBytes];
        Check(dnnl_matmul_desc_init(product, source, weights, 0, destination));
        Check(dnnl_primitive_desc_create(out nint description, product, 0, engine, 0));
        return description;
    }

    public static nint DescribeReorder(nint engine, byte[] from, nint to)
    {
        Check(dnnl_reorder_primitive_desc_create(out nint description, from, engine, to, engine, 0));
        return description;
    }

    public static nint WeightsOf(nint description) => dnnl_primitive_desc_query_md(description, WeightsQuery, 0);

    public static nint CreatePrimitive(nint description)
    {
        Check(dnnl_primitive_create(out nint primitive, description));
        return primitive;
    }

    public static nint CreateMemory(nint engine, byte[] descriptor)
    {
        Check(dnnl_memory_create(out nint memory, descriptor, engine, Allocate));
        return memory;
    }

    public static nint CreateMemory(nint engine, nint descriptor)
    {
        Check(dnnl_memory_create(out nint memory, descriptor, engine, Allocate));
        return memory;
    }

    public static nint DataOf(nint memory)
    {
        Check(dnnl_memory_get_data_handle(memory, out nint data));
        return data;
    }

    public static void Execute(nint primitive, nint stream, Argument[] arguments)
    {
        Check(dnnl_primitive_execute(primitive, stream, arguments.Length, arguments));
        Check(dnnl_stream_wait(stream));
    }

    public static void DestroyMemory(nint memory) => Check(dnnl_memory_destroy(memory));

    public static void DestroyPrimitive(nint primitive) => Check(dnnl_primitive_destroy(primitive));

    public static void DestroyDescription(nint description) => Check(dnnl_primitive_desc_destroy(description));

    public static void DestroyStream(nint stream) => Check(dnnl_stream_destroy(stream));

    public static void DestroyEngine(nint engine) => Check(dnnl_engine_destroy(engine));

    private static void Check(int status)
    {
        if (status != 0) throw new InvalidOperationException($"oneDNN returned status {status}, expected 0.");
    }

    [LibraryImport(Library)]
    private static partial int dnnl_engine_create(out nint engine, int kind, nint index);

    [LibraryImport(Library)]
    private static partial int dnnl_stream_create(out nint stream, nint engine, uint flags);

    [LibraryImport(Library)]
    private static partial int dnnl_memory_desc_init_by_tag(byte[] descriptor, int dimensions, long[] lengths, int type, int layout);

    [LibraryImport(Library)]
    private static partial int dnnl_matmul_desc_init(byte[] product, byte[] source, byte[] weights, nint bias, byte[] destination);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_desc_create(out nint description, byte[] operation, nint attributes, nint engine, nint hint);

    [LibraryImport(Library)]
    private static partial int dnnl_reorder_primitive_desc_create(
        out nint description, byte[] from, nint fromEngine, nint to, nint toEngine, nint attributes);

    [LibraryImport(Library)]
    private static partial nint dnnl_primitive_desc_query_md(nint description, int what, int index);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_create(out nint primitive, nint description);

    [LibraryImport(Library)]
    private static partial int dnnl_memory_create(out nint memory, byte[] descriptor, nint engine, nint handle);

    [LibraryImport(Library)]
    private static partial int dnnl_memory_create(out nint memory, nint descriptor, nint engine, nint handle);

    [LibraryImport(Library)]
    private static partial int dnnl_memory_get_data_handle(nint memory, out nint data);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_execute(nint primitive, nint stream, int count, Argument[] arguments);

    [LibraryImport(Library)]
    private static partial int dnnl_stream_wait(nint stream);

    [LibraryImport(Library)]
    private static partial int dnnl_memory_destroy(nint memory);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_destroy(nint primitive);

    [LibraryImport(Library)]
    private static partial int dnnl_primitive_desc_destroy(nint description);

    [LibraryImport(Library)]
    private static partial int dnnl_stream_destroy(nint stream);

    [LibraryImport(Library)]
    private static partial int dnnl_engine_destroy(nint engine);

    /// <summary>An operand of a primitive.</summary>
    /// <param name="Index">Which operand.</param>
    /// <param name="Memory">Its memory object.</param>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Argument(int Index, nint Memory);
}
