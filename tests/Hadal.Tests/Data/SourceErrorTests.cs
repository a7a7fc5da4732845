using System.Text;
using Hadal.Data;
using Hadal.Data.Reading;

namespace Hadal.Tests.Data;

/// <summary>Sources that can't be read say which file, which line, what was found and what was expected.</summary>
public sealed class SourceErrorTests : IDisposable
{
    private readonly TextData _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("{\"text\": \"a\"}\r\n\n{\"text\": }\n", 3, "the line is not JSON at its byte 9, found '{\"text\": }'")]
    [InlineData("{\"text\": \"a\"}\n[1]", 2, "the line is a JSON array, expected an object")]
    [InlineData("{\"body\": \"a\", \"x\": 1}", 1, "found 'body', 'x', expected a member 'text'")]
    [InlineData("{}", 1, "found no member, expected a member 'text'")]
    [InlineData("{\"text\": 5}", 1, "'text' is a number, expected a string")]
    [InlineData("{\"text\": [\"a\", 5]}", 1, "'text' has a number, expected an array of strings")]
    [InlineData("{\"text\": true}", 1, "'text' is a boolean, expected a string")]
    [InlineData("{\"text\": \"\\ud800\"}", 1, "'text' has half a surrogate pair, expected Unicode")]
    public void A_line_of_JSONL(string content, int line, string problem)
    {
        string path = _files.Write("data.jsonl", content);
        DataException e = Assert.Throws<DataException>(() => _files.Open(path));
        Assert.Equal($"{path}, line {line}: {problem}.", e.Message);
        Assert.Equal((path, line), (e.Path, e.Line));
    }

    [Fact]
    public void The_first_of_several_bad_lines_is_named_whatever_the_threads_do()
    {
        string[] lines = [.. Enumerable.Range(0, 3000).Select(i => i is 1500 or 1501 or 2500 ? "bad" : "{\"text\": \"good\"}")];
        string path = _files.Write("data.jsonl", string.Join('\n', lines));
        for (int i = 0; i < 5; i++) Assert.Equal(1501, Assert.Throws<DataException>(() => _files.Open(path)).Line);
    }

    [Fact]
    public void Bytes_that_are_no_text()
    {
        byte[] bytes = [.. "\ufeffline\nna\u00efve "u8, 0xc3, 0x28, .. "more"u8];
        string path = _files.Write("data.txt", bytes);
        DataException e = Assert.Throws<DataException>(() => _files.Open(path));
        Assert.Equal($"{path}, line 2: byte 15 of the file is 0xc3, expected UTF-8.", e.Message);

        path = _files.Write("data.jsonl", [.. "{\"text\": \"a\"}\n{\"text\": \""u8, 0xff, .. "\"}"u8]);
        e = Assert.Throws<DataException>(() => _files.Open(path));
        Assert.Equal($"{path}, line 2: byte 24 of the file is 0xff, expected UTF-8.", e.Message);
    }

    [Fact]
    public void Missing_empty_and_unknown_files()
    {
        Directory.CreateDirectory(_files.At("folder"));
        (DataSource Source, string Problem)[] cases =
        [
            (new() { Path = _files.At("nothing") }, "there is no such file or folder"),
            (new() { Path = _files.Write("empty.txt", "") }, "it holds no text, expected one token or more"),
            (new() { Path = _files.Write("mark.txt", [0xef, 0xbb, 0xbf]) }, "it holds no text, expected one token or more"),
            (new() { Path = _files.Write("blank.jsonl", "\r\n \n") }, "it holds no text, expected one token or more"),
            (new() { Path = _files.At("folder") }, "the folder has no file that ends in .txt or .jsonl"),
            (new() { Path = _files.At("folder"), Format = SourceFormat.Chat }, "the folder has no file that ends in .jsonl"),
            (new() { Path = _files.Write("data.csv", "1") }, "the file's extension is '.csv', expected .txt or .jsonl, or a format"),
        ];
        foreach ((DataSource source, string problem) in cases)
        {
            DataException e = Assert.Throws<DataException>(() => _files.Open(source));
            Assert.Equal($"{source.Path}: {problem}.", e.Message);
        }

        using PackedData data = _files.Open(cases[^1].Source with { Format = SourceFormat.Text });
        Assert.Equal(1, data.TrainingTokens);
    }

    [Fact]
    public void A_file_of_a_folder_that_cannot_be_read()
    {
        _files.Write("folder/a.txt", "fine");
        File.CreateSymbolicLink(_files.At("folder", "b.txt"), _files.At("gone.txt"));
        DataException e = Assert.Throws<DataException>(() => _files.Open(_files.At("folder")));
        Assert.Equal($"{_files.At("folder", "b.txt")}: it could not be read: there is no such file.", e.Message);
    }

    [Fact]
    public void A_link_that_leads_back_up_is_not_followed()
    {
        _files.Write("folder/a.txt", "fine");
        Directory.CreateSymbolicLink(_files.At("folder", "loop"), _files.At("folder"));
        using PackedData data = _files.Open(_files.At("folder"));
        Assert.Equal(4, data.TrainingTokens);
    }

    [Fact]
    public void A_document_longer_than_the_limit()
    {
        string path = _files.Write("data.txt", "short\n" + new string('x', 100_000) + "\nshort");
        using DelimitedReader reader = new(path, "\n"u8.ToArray(), longest: 70_000);
        Assert.Equal("short", Encoding.UTF8.GetString(reader.Next()!.Bytes));
        DataException e = Assert.Throws<DataException>(reader.Next);
        Assert.Equal($"{path}, line 2: a document has more than 70000 bytes, which is the most that is read as one.", e.Message);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("ab")]
    [InlineData("aab")]
    public void Random_files_are_cut_as_by_splitting(string delimiter)
    {
        Random random = new(3);
        for (int round = 0; round < 60; round++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(round < 50 ? 200 : 200_000)).Select(_ => "aab\n"[random.Next(4)]));
            string path = _files.Write("data", text);
            using DelimitedReader reader = new(path, Encoding.UTF8.GetBytes(delimiter));
            int at = 0;
            foreach (string part in text.Split(delimiter))
            {
                if (part.Length > 0)
                {
                    RawDocument document = reader.Next()!;
                    Assert.Equal(part, Encoding.UTF8.GetString(document.Bytes));
                    Assert.Equal(at, document.Offset);
                    Assert.Equal(1 + text.AsSpan(0, at).Count('\n'), document.Line);
                }

                at += part.Length + delimiter.Length;
            }

            Assert.Null(reader.Next());
            Assert.Equal(text.Length, reader.BytesRead);
        }
    }
}
