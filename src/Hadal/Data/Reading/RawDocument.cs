namespace Hadal.Data.Reading;

/// <summary>A document as it stands in a file.</summary>
/// <param name="Path">The file.</param>
/// <param name="Line">The line that it starts in, counted from 1.</param>
/// <param name="Offset">The byte of the file that it starts at.</param>
/// <param name="Bytes">Its bytes; not empty.</param>
internal sealed record RawDocument(string Path, long Line, long Offset, byte[] Bytes);
