using System.Runtime.CompilerServices;
using Hadal.Inference;
using Hadal.Server.Http;
using Hadal.Tokenization.Templates;

namespace Hadal.Server.Endpoints;

/// <summary>What an engine or a template refuses before it begins is the client's mistake, and told so.</summary>
internal static class Refusals
{
    /// <summary>The same events; what the first step throws for a request that makes no sense becomes an answer of status 400.</summary>
    /// <param name="events">What the library gives.</param>
    /// <param name="promptParam">The member of the body that says what to continue.</param>
    /// <param name="cancellation">Ends the enumeration.</param>
    public static async IAsyncEnumerable<T> AsBadRequests<T>(
        this IAsyncEnumerable<T> events, string promptParam, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using ConfiguredCancelableAsyncEnumerable<T>.Enumerator steps = events.WithCancellation(cancellation).ConfigureAwait(false).GetAsyncEnumerator();
        bool hasMore;
        try
        {
            hasMore = await steps.MoveNextAsync();
        }
        catch (TemplateRaisedException e)
        {
            throw new ApiException(400, $"the chat template refuses these messages: {e.Raised}", promptParam);
        }
        catch (TemplateException e)
        {
            throw new ApiException(400, e.Message.TrimEnd('.'), promptParam);
        }
        catch (JsonSchemaException e)
        {
            throw new ApiException(400, e.Message.TrimEnd('.'), "response_format", "invalid_json_schema");
        }
        catch (ContextLengthException e)
        {
            throw new ApiException(400, Words(e), promptParam, "context_length_exceeded");
        }
        catch (ArgumentException e)
        {
            throw new ApiException(400, Words(e));
        }

        for (; hasMore; hasMore = await steps.MoveNextAsync()) yield return steps.Current;
    }

    // Without the name of our parameter, which .NET adds in a form that is the same in every culture here.
    private static string Words(ArgumentException e)
    {
        string suffix = $" (Parameter '{e.ParamName}')";
        string words = e.Message.Split(suffix)[0].TrimEnd('.');
        return words.Length > 0 ? words : "the request makes no sense for this model";
    }
}
