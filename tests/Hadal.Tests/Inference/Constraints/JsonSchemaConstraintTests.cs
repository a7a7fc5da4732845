using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Hadal.Inference;

namespace Hadal.Tests.Inference.Constraints;

public sealed class JsonSchemaConstraintTests
{
    private const string Person = """
        {"type": "object", "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 8}, "age": {"type": "integer", "minimum": 0, "maximum": 120},
         "e-mail": {"type": ["string", "null"], "format": "email"}, "tags": {"type": "array", "items": {"enum": ["a", "ab", "b\"c", 7, null]}, "maxItems": 3}},
         "required": ["name", "age"], "additionalProperties": false}
        """;

    private const string Tree = """
        {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "additionalProperties": false, "required": ["value", "children"],
         "properties": {"value": {"type": "number"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2}}}}}
        """;

    private const string Shapes = """
        {"type": "array", "minItems": 1, "maxItems": 4, "items": {"anyOf": [
         {"type": "object", "properties": {"kind": {"const": "circle"}, "radius": {"type": "number", "exclusiveMinimum": 0, "maximum": 10}}, "required": ["kind", "radius"], "additionalProperties": false},
         {"type": "object", "properties": {"kind": {"const": "square"}, "side": {"type": "integer", "exclusiveMinimum": 2, "exclusiveMaximum": 30}}, "required": ["kind", "side"], "additionalProperties": false}]}}
        """;

    private const string Open = """
        {"type": "object", "properties": {"id": {"type": "integer"}, "ideal": {"type": "boolean"}, "héé": {"type": "null"}}, "required": ["id", "other"],
         "additionalProperties": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "boolean"}], "items": {"type": "integer", "minimum": -17, "maximum": 42}}}
        """;

    private const string Code = """{"type": "object", "properties": {"code": {"type": "string", "pattern": "^[A-Z]{2}-\\d{3}(x|yé)?$"}, "loose": {"type": "string", "pattern": "a.b"}}, "required": ["code", "loose"], "additionalProperties": false}""";

    public static TheoryData<string> Schemas =>
    [
        Person, Tree, Shapes, Open, """{"type": "string", "pattern": "^[A-Z]{2}-\\d{3}(x|yé)?$"}""", "true", "{}", """{"type": ["integer", "boolean"]}""", """{"type": "number", "minimum": -3, "exclusiveMaximum": 5}""",
        """{"oneOf": [{"type": "null"}, {"allOf": [{"type": "string", "maxLength": 3}]}]}""", """{"enum": [{"a": [1, {"b": "x"}]}, [], 1.50, "q\u0001\\"]}""",
        """{"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "integer"}], "items": false, "minItems": 1}""",
        """{"type": "array", "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}, "minItems": 3, "maxItems": 3}""",
    ];

    [Theory]
    [MemberData(nameof(Schemas))]
    public void Whatever_is_drawn_is_valid(string text)
    {
        using JsonDocument schema = JsonDocument.Parse(text);
        TokenConstraint constraint = TokenConstraint.JsonSchema(Vocabularies.Mixed, schema.RootElement, [Vocabularies.End]);
        int complete = 0;
        for (int seed = 0; seed < 30; seed++)
        {
            if (Vocabularies.Draw(constraint, Vocabularies.Mixed, Vocabularies.End, seed, limit: 300) is not { } drawn) continue;
            complete++;
            using JsonDocument document = JsonDocument.Parse(drawn);
            Assert.True(SchemaValidator.IsValid(document.RootElement, schema.RootElement, schema.RootElement), drawn);
        }

        Assert.InRange(complete, 20, 30);
    }

    [Theory]
    [InlineData(Person, """{"name": "Ann", "age": 7}""")]
    [InlineData(Person, """{"name":"Ann","age":120,"e-mail":null,"tags":[]}""")]
    [InlineData(Person, """{"name": "\u00e9\ud83d\ude00345678", "age": 0, "tags": ["ab", "b\"c", 7]}""")]
    [InlineData(Tree, """{"value": 1, "children": [{"value": -2.5e3, "children": []}, {"value": 0, "children": [{"value": 1, "children": []}]}]}""")]
    [InlineData(Shapes, """[{"kind": "square", "side": 3}, {"kind": "circle", "radius": 0.001}, {"kind": "circle", "radius": 10.00}]""")]
    [InlineData(Open, """{"id": 1, "other": ["x", true, -17, 42], "i": [], "idea": ["x"], "ideals": ["y"], "h": [], "hé": [], "": []}""")]
    [InlineData(Open, """{"id": 1, "ideal": true, "héé": null, "other": []}""")]
    [InlineData(Code, """{"code": "AB-123yé", "loose": "\"xxaübxx"}""")]
    [InlineData("""{"type": "number", "minimum": -3, "exclusiveMaximum": 5}""", "4.99")]
    [InlineData("""{"type": "number", "minimum": -3, "exclusiveMaximum": 5}""", "-3.0")]
    [InlineData("""{"type": "number", "minimum": -3, "exclusiveMaximum": 5}""", "-0.5")]
    [InlineData("""{"minimum": 3.5, "type": "integer"}""", "4")]
    [InlineData("""{"properties": {}}""", """{"x": 1}""")]
    public void Valid_documents_are_let_through(string schema, string document)
    {
        using JsonDocument parsed = JsonDocument.Parse(schema), value = JsonDocument.Parse(document);
        Assert.True(SchemaValidator.IsValid(value.RootElement, parsed.RootElement, parsed.RootElement));
        Assert.True(Vocabularies.Accepts(TokenConstraint.JsonSchema(Vocabularies.Mixed, parsed.RootElement), document));
    }

    [Theory]
    [InlineData(Person, """{"name": "", "age": 7}""")]
    [InlineData(Person, """{"name": "123456789", "age": 7}""")]
    [InlineData(Person, """{"name": "Ann", "age": 121}""")]
    [InlineData(Person, """{"name": "Ann", "age": -1}""")]
    [InlineData(Person, """{"name": "Ann"}""")]
    [InlineData(Person, """{"name": "Ann", "age": 7, "x": 1}""")]
    [InlineData(Person, """{"name": "Ann", "age": 7, "tags": ["a", "a", "a", "a"]}""")]
    [InlineData(Person, """{"name": "Ann", "age": 7, "tags": ["c"]}""")]
    [InlineData(Tree, """{"value": 1}""")]
    [InlineData(Shapes, """[]""")]
    [InlineData(Shapes, """[{"kind": "circle", "side": 3}]""")]
    [InlineData(Shapes, """[{"kind": "circle", "radius": 0.0}]""")]
    [InlineData(Shapes, """[{"kind": "circle", "radius": 10.01}]""")]
    [InlineData(Shapes, """[{"kind": "square", "side": 2}]""")]
    [InlineData(Shapes, """[{"kind": "square", "side": 30}]""")]
    [InlineData(Open, """{"id": 1, "other": [], "ideal": 3}""")]
    [InlineData(Open, """{"id": 1, "other": [1]}""")]
    [InlineData(Open, """{"id": 1, "other": [], "id": []}""")]
    [InlineData(Open, """{"id": 1, "other": [], "x": ["a", true, 43]}""")]
    [InlineData(Code, """{"code": "ab-123", "loose": "aüb"}""")]
    [InlineData(Code, """{"code": "AB-123", "loose": "ab"}""")]
    [InlineData("""{"type": "number", "minimum": -3, "exclusiveMaximum": 5}""", "5")]
    [InlineData("""{"type": "number", "minimum": -3, "exclusiveMaximum": 5}""", "-3.1")]
    [InlineData("""{"type": "integer"}""", "1.0")]
    public void Others_are_not(string schema, string document)
    {
        using JsonDocument parsed = JsonDocument.Parse(schema);
        Assert.False(Vocabularies.Accepts(TokenConstraint.JsonSchema(Vocabularies.Mixed, parsed.RootElement), document));
    }

    [Fact]
    public void Bounds_hold_for_every_integer()
    {
        Random random = new(1);
        for (int trial = 0; trial < 30; trial++)
        {
            long spread = (long)Math.Pow(10, random.Next(1, 4)), first = random.NextInt64(-spread, spread), last = random.NextInt64(first, spread + 1);
            using JsonDocument schema = JsonDocument.Parse($$"""{"type": "integer", "minimum": {{first}}, "maximum": {{last}}}""");
            TokenConstraint constraint = TokenConstraint.JsonSchema(Vocabularies.Mixed, schema.RootElement);
            for (long value = -spread - 2; value <= spread + 2; value++)
            {
                Assert.Equal(first <= value && value <= last, Vocabularies.Accepts(constraint, value.ToString(CultureInfo.InvariantCulture)));
            }

            Assert.False(Vocabularies.Accepts(constraint, "-0"));
            Assert.False(Vocabularies.Accepts(constraint, "007"));
        }
    }

    [Fact]
    public void Bounds_hold_for_decimals()
    {
        Random random = new(2);
        for (int trial = 0; trial < 30; trial++)
        {
            int first = random.Next(-13, 13), last = random.Next(first, 14);
            (string low, string high) = (random.Next(2) == 0 ? "minimum" : "exclusiveMinimum", random.Next(2) == 0 ? "maximum" : "exclusiveMaximum");
            if (first == last) (low, high) = ("minimum", "maximum");
            (bool hasLow, bool hasHigh) = (random.Next(4) > 0, random.Next(4) > 0);
            string bounds = (hasLow ? $", \"{low}\": {first}" : "") + (hasHigh ? $", \"{high}\": {last}" : "");
            using JsonDocument schema = JsonDocument.Parse($$"""{"type": "number" {{bounds}}}""");
            TokenConstraint constraint = TokenConstraint.JsonSchema(Vocabularies.Mixed, schema.RootElement);
            for (int hundredths = -1_500; hundredths <= 1_500; hundredths++)
            {
                decimal value = hundredths / 100m;
                foreach (string text in (string[])[value.ToString("F2", CultureInfo.InvariantCulture), value.ToString("G29", CultureInfo.InvariantCulture)])
                {
                    if (text.StartsWith("-0", StringComparison.Ordinal) && value == 0) continue;
                    using JsonDocument document = JsonDocument.Parse(text);
                    bool expected = SchemaValidator.IsValid(document.RootElement, schema.RootElement, schema.RootElement);
                    Assert.True(expected == Vocabularies.Accepts(constraint, text), $"{text} under {bounds}");
                }
            }
        }
    }

    [Theory]
    [InlineData("^a*b+c?$")]
    [InlineData("ab|ba$")]
    [InlineData("^(a|bc){2,3}$")]
    [InlineData("[^a-b]")]
    [InlineData("^\\w\\.?c$")]
    [InlineData("^[ab]{2}")]
    [InlineData("^(?:a(b|c)){1,}?$")]
    [InlineData("a.c")]
    [InlineData("")]
    public void Patterns_match_what_another_engine_matches(string pattern)
    {
        using JsonDocument schema = JsonDocument.Parse($$"""{"type": "string", "pattern": {{JsonSerializer.Serialize(pattern)}}}""");
        TokenConstraint constraint = TokenConstraint.JsonSchema(Vocabularies.Mixed, schema.RootElement);
        Regex regex = new(pattern, RegexOptions.ECMAScript);
        char[] letters = ['a', 'b', 'c', '.', 'é'];
        int matches = 0;
        for (int length = 0; length <= 5; length++)
        {
            for (int code = 0; code < Math.Pow(letters.Length, length); code++)
            {
                string text = new([.. Enumerable.Range(0, length).Select(i => letters[code / (int)Math.Pow(letters.Length, i) % letters.Length])]);
                bool expected = regex.IsMatch(text);
                matches += expected ? 1 : 0;
                Assert.True(expected == Vocabularies.Accepts(constraint, $"\"{text}\""), $"'{text}' under {pattern}");
            }
        }

        Assert.True(matches > 0);
    }

    [Theory]
    [InlineData("""{"type": "object", "properties": {"a": {"type": "string", "not": {}}}}""", "#/properties/a/not")]
    [InlineData("""{"type": "array", "items": {"type": "integer", "multipleOf": 3}}""", "#/items/multipleOf")]
    [InlineData("""{"$defs": {"x/y": {"if": true}}, "$ref": "#/$defs/x~1y"}""", "#/$defs/x~1y/if")]
    [InlineData("""{"type": "object", "patternProperties": {}}""", "#/patternProperties")]
    [InlineData("""{"type": "array", "uniqueItems": true}""", "#/uniqueItems")]
    [InlineData("""{"type": "thing"}""", "#/type")]
    [InlineData("""{"type": []}""", "#/type")]
    [InlineData("""{"type": "string", "minItems": 1}""", "#/minItems")]
    [InlineData("""{"anyOf": [{"type": "string"}], "type": "string"}""", "#/type")]
    [InlineData("""{"anyOf": {}}""", "#/anyOf")]
    [InlineData("""{"allOf": [{}, {}]}""", "#/allOf")]
    [InlineData("""{"enum": [1], "minimum": 0}""", "#/minimum")]
    [InlineData("""{"type": "string", "maxLength": -1}""", "#/maxLength")]
    [InlineData("""{"type": "string", "maxLength": 1.5}""", "#/maxLength")]
    [InlineData("""{"type": "number", "minimum": 0.5}""", "#/minimum")]
    [InlineData("""{"type": "number", "minimum": "0"}""", "#/minimum")]
    [InlineData("""{"$ref": "other.json"}""", "#/$ref")]
    [InlineData("""{"$ref": "#/$defs/nothing"}""", "#/$ref")]
    [InlineData("""{"$ref": "#"}""", "#")]
    [InlineData("""{"type": "integer", "minimum": 3, "maximum": 2}""", "#")]
    [InlineData("""{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}""", "#")]
    [InlineData("""{"type": "object", "properties": {"a": false}, "required": ["a"]}""", "#")]
    [InlineData("""{"type": "array", "items": false, "minItems": 1}""", "#")]
    [InlineData("""{"enum": []}""", "#")]
    [InlineData("false", "#")]
    [InlineData("3", "#")]
    [InlineData("""{"type": "string", "pattern": "(?=a)"}""", "#/pattern")]
    [InlineData("""{"type": "string", "pattern": "(a"}""", "#/pattern")]
    [InlineData("""{"type": "string", "pattern": "a)"}""", "#/pattern")]
    [InlineData("""{"type": "string", "pattern": "[a"}""", "#/pattern")]
    [InlineData("""{"type": "string", "pattern": "a{3,2}"}""", "#/pattern")]
    [InlineData("""{"type": "string", "pattern": "\\1"}""", "#/pattern")]
    [InlineData("""{"type": "string", "pattern": "\\bx"}""", "#/pattern")]
    [InlineData("""{"type": "string", "pattern": "(a*)*"}""", "#/pattern")]
    [InlineData("""{"type": "string", "pattern": "a", "maxLength": 3}""", "#/pattern")]
    [InlineData("""{"title": "\ud800", "properties": {"\ud800": {}}}""", "#")]
    public void What_cannot_be_followed_is_refused_by_its_place(string schema, string pointer)
    {
        using JsonDocument document = JsonDocument.Parse(schema);
        JsonSchemaException problem = Assert.Throws<JsonSchemaException>(() => TokenConstraint.JsonSchema(Vocabularies.Mixed, document.RootElement));
        Assert.Equal(pointer, problem.Pointer);
    }

    [Fact]
    public void References_may_go_in_circles_as_long_as_they_end()
    {
        using JsonDocument list = JsonDocument.Parse("""{"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"], "additionalProperties": false}""");
        TokenConstraint constraint = TokenConstraint.JsonSchema(Vocabularies.Mixed, list.RootElement);
        string Nested(int depth) => string.Concat(Enumerable.Repeat("{\"next\":", depth)) + "null" + new string('}', depth);
        Assert.True(Vocabularies.Accepts(constraint, Nested(64)));
        Assert.False(Vocabularies.Accepts(constraint, Nested(65)));

        using JsonDocument idle = JsonDocument.Parse("""{"anyOf": [{"$ref": "#"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}, {"const": 1}]}, "b": {"$ref": "#/$defs/a"}}}""");
        Assert.True(Vocabularies.Accepts(TokenConstraint.JsonSchema(Vocabularies.Mixed, idle.RootElement), "1"));
    }

    [Fact]
    public void Ambiguity_does_not_multiply_without_bound()
    {
        // Every level doubles the stacks: 2^60 of them, were they all kept.
        using JsonDocument schema = JsonDocument.Parse("""{"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "array", "items": {"$ref": "#"}}]}""");
        TokenConstraint constraint = TokenConstraint.JsonSchema(Vocabularies.Mixed, schema.RootElement);
        Assert.True(Vocabularies.Accepts(constraint, new string('[', 60) + new string(']', 60)));
        ConstraintState state = constraint.Start;
        for (int i = 0; i < 60; i++) state = state.Step((byte)'[')!;
        Assert.InRange(state.Threads.Length, 1, 1024);
    }

    [Fact]
    public void Large_schemas_are_refused_or_compiled_soon()
    {
        string members = string.Join(", ", Enumerable.Range(0, 20_000).Select(i => $"\"p{i}\": {{\"type\": \"integer\", \"minimum\": {i}, \"maximum\": 123456789}}"));
        using JsonDocument many = JsonDocument.Parse("{\"properties\": {" + members + "}}");
        Assert.Contains("too large", Assert.Throws<JsonSchemaException>(() => TokenConstraint.JsonSchema(Vocabularies.Mixed, many.RootElement)).Message, StringComparison.Ordinal);

        using JsonDocument words = JsonDocument.Parse("{\"enum\": [" + string.Join(", ", Enumerable.Range(0, 3_000).Select(i => $"\"{new string('a', i % 300)}{i}\"")) + "]}");
        Assert.True(Vocabularies.Accepts(TokenConstraint.JsonSchema(Vocabularies.Mixed, words.RootElement), $"\"{new string('a', 299)}2999\""));

        string deep = string.Concat(Enumerable.Repeat("{\"items\":", 900)) + "{}" + new string('}', 900);
        using JsonDocument nested = JsonDocument.Parse(deep, new JsonDocumentOptions { MaxDepth = 2_000 });
        TokenConstraint.JsonSchema(Vocabularies.Mixed, nested.RootElement);

        // Chains of references, each of which is settled by the next.
        string chain = string.Join(", ", Enumerable.Range(0, 999).Select(i => $"\"d{i}\": {{\"anyOf\": [{{\"$ref\": \"#/$defs/d{i + 1}\"}}]}}"));
        using JsonDocument references = JsonDocument.Parse("{\"$ref\": \"#/$defs/d0\", \"$defs\": {" + chain + ", \"d999\": {\"const\": 5}}}");
        Assert.True(Vocabularies.Accepts(TokenConstraint.JsonSchema(Vocabularies.Mixed, references.RootElement), "5"));
    }
}
