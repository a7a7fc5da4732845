using System.Text;
using Hadal.Tokenization;

namespace Hadal.Tests.Data;

public sealed class ByteTokenizerTests : IDisposable
{
    private readonly TextData _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void A_text_has_as_many_tokens_as_bytes_and_all_bytes_have_one()
    {
        Tokenizer tokenizer = _files.Tokenizer;
        Assert.Equal(258, tokenizer.VocabSize);
        Assert.True(tokenizer.EncodesAnyBytes);
        byte[] all = [.. Enumerable.Range(0, 256).Select(b => (byte)b)];
        Assert.Equal(256, tokenizer.EncodeBytes(all).Distinct().Count());
        Assert.Equal(all, tokenizer.DecodeBytes(tokenizer.EncodeBytes(all)));
        const string text = "It's 12,345  na\u00efve\r\n\t\ud83d\ude00 \u4f60\u597d";
        Assert.Equal(Encoding.UTF8.GetByteCount(text), tokenizer.Encode(text).Length);
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
        Assert.Equal([0, .. tokenizer.Encode("a"), 1], tokenizer.Encode("<|im_start|>a<|im_end|>", parseSpecial: true));
    }

    [Fact]
    public void Without_special_tokens_there_are_256()
    {
        Hadal.Tokenization.Training.BpeTrainer.Bytes().Write(_files.At("plain"));
        Tokenizer tokenizer = Tokenizer.Load(_files.At("plain"));
        Assert.Equal(256, tokenizer.VocabSize);
        Assert.Empty(tokenizer.EosIds);
        Assert.Null(tokenizer.BosId);
    }
}
