using System.Reflection;
using System.Reflection.Emit;

namespace Hadal.Tests.Architecture;

/// <summary>Every type that a compiled type uses: in its declaration, in its members' signatures and in the code of its methods.</summary>
internal static class TypeUses
{
    private const BindingFlags Own =
        BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    private static readonly Dictionary<short, OpCode> s_opCodes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(opCode => opCode.Value);

    /// <summary>The types with the member that uses them; arrays, references and generic types are taken apart.</summary>
    public static IEnumerable<(string Place, Type Used)> Of(Type type)
    {
        IEnumerable<(string Place, Type Used)> called =
            Methods(type).SelectMany(method => Called(method).Select(used => (Place: method.Name, Used: used)));
        return Heading(type).Select(used => (Place: "its declaration", Used: used)).Concat(Declared(type)).Concat(called)
            .SelectMany(use => Parts(use.Used).Select(part => (use.Place, part)));
    }

    /// <summary>The types of fields, properties, parameters, results and local variables as they are written, pointers and arrays included.</summary>
    public static IEnumerable<(string Place, Type Used)> Declared(Type type)
    {
        foreach (FieldInfo field in type.GetFields(Own))
        {
            foreach (Type used in Attributes(field).Append(field.FieldType)) yield return (field.Name, used);
        }

        foreach (PropertyInfo property in type.GetProperties(Own))
        {
            foreach (Type used in Attributes(property).Append(property.PropertyType)) yield return (property.Name, used);
        }

        foreach (MethodBase method in Methods(type))
        {
            IEnumerable<Type> locals = method.GetMethodBody() is { } body ? body.LocalVariables.Select(local => local.LocalType) : [];
            foreach (Type used in Signature(method).Concat(Attributes(method)).Concat(locals)) yield return (method.Name, used);
        }
    }

    private static IEnumerable<Type> Heading(Type type)
    {
        IEnumerable<Type> parents = type.BaseType is { } parent ? type.GetInterfaces().Append(parent) : type.GetInterfaces();
        return parents.Concat(Attributes(type)).Concat(Constraints(type.GetGenericArguments()));
    }

    private static IEnumerable<MethodBase> Methods(Type type) => type.GetMembers(Own).OfType<MethodBase>();

    private static IEnumerable<Type> Signature(MethodBase method)
    {
        IEnumerable<Type> parameters = method.GetParameters().Select(parameter => parameter.ParameterType);
        if (method is not MethodInfo info) return parameters;
        return parameters.Append(info.ReturnType).Concat(info.GetGenericArguments()).Concat(Constraints(info.GetGenericArguments()));
    }

    private static IEnumerable<Type> Constraints(Type[] arguments) =>
        arguments.Where(argument => argument.IsGenericParameter).SelectMany(argument => argument.GetGenericParameterConstraints());

    private static IEnumerable<Type> Attributes(MemberInfo member) => member.GetCustomAttributesData().SelectMany(
        data => data.ConstructorArguments.Select(argument => argument.Value).OfType<Type>().Append(data.AttributeType));

    private static IEnumerable<Type> Called(MethodBase method)
    {
        if (method.GetMethodBody() is not { } body) return [];
        IEnumerable<Type> caught = body.ExceptionHandlingClauses
            .Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause).Select(clause => clause.CatchType!);
        return caught.Concat(Tokens(method, body.GetILAsByteArray()!).SelectMany(TypesOf));
    }

    private static IEnumerable<Type> TypesOf(MemberInfo member) => member switch
    {
        Type type => [type],
        FieldInfo field => [field.DeclaringType!, field.FieldType],
        MethodBase method => Signature(method).Append(method.DeclaringType!),
        _ => [],
    };

    // ECMA-335 III.1.2: an opcode of one or two bytes, then an operand whose length the opcode fixes.
    private static List<MemberInfo> Tokens(MethodBase method, byte[] il)
    {
        Type[]? typeArguments = method.DeclaringType is { IsGenericType: true } generic ? generic.GetGenericArguments() : null;
        Type[]? methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        List<MemberInfo> members = [];
        for (int at = 0; at < il.Length;)
        {
            short code = il[at++];
            if (code == 0xfe) code = unchecked((short)(0xfe00 | il[at++]));
            switch (s_opCodes[code].OperandType)
            {
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType:
                    members.Add(method.Module.ResolveMember(BitConverter.ToInt32(il, at), typeArguments, methodArguments)!);
                    at += 4;
                    break;
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                    at += 1;
                    break;
                case OperandType.InlineVar:
                    at += 2;
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    at += 8;
                    break;
                case OperandType.InlineSwitch:
                    at += 4 + 4 * BitConverter.ToInt32(il, at);
                    break;
                default:
                    at += 4;
                    break;
            }
        }

        return members;
    }

    private static IEnumerable<Type> Parts(Type type)
    {
        if (type.HasElementType) return Parts(type.GetElementType()!);
        if (type.IsFunctionPointer) return type.GetFunctionPointerParameterTypes().Append(type.GetFunctionPointerReturnType()).SelectMany(Parts);
        if (type.IsGenericParameter) return [];
        return type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition()) : [type];
    }
}
