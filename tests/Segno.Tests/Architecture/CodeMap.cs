using System.Collections.Frozen;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Runtime.CompilerServices;

namespace Segno.Tests.Architecture;

/// <summary>
/// What each source file of a built assembly names: the types in its signatures, and the members its code touches. The assembly
/// says what is named, its portable PDB in which file. (The compiler folds constants away, so naming a constant leaves no trace.)
/// </summary>
internal sealed class CodeMap
{
    internal sealed record Use(string File, MemberInfo Target);

    private const BindingFlags Everything = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;
    private static readonly Guid TypeDefinitionDocuments = new("932E74BC-DBA9-4478-8D46-0F32A7BAB3D3");
    private static readonly FrozenDictionary<short, OpCode> OpCodeByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToFrozenDictionary(code => code.Value);

    private readonly Dictionary<int, string> _fileOfMethod = [];
    private readonly Dictionary<Type, string> _fileOfType = [];

    /// <param name="assembly">An assembly with its portable PDB beside it.</param>
    /// <param name="folder">The folder whose files count, as it appears in the PDB's paths: "/src/Segno/".</param>
    internal CodeMap(Assembly assembly, string folder)
    {
        using FileStream stream = File.OpenRead(Path.ChangeExtension(assembly.Location, ".pdb"));
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbStream(stream);
        MetadataReader pdb = provider.GetMetadataReader();

        foreach (MethodDebugInformationHandle handle in pdb.MethodDebugInformation)
        {
            MethodDebugInformation method = pdb.GetMethodDebugInformation(handle);
            DocumentHandle document = method.Document.IsNil ? method.GetSequencePoints().FirstOrDefault().Document : method.Document;
            if (PathWithin(document) is string file)
            {
                int token = MetadataTokens.GetToken(handle.ToDefinitionHandle());
                _fileOfMethod[token] = file;
                _fileOfType.TryAdd(Outermost(assembly.ManifestModule.ResolveMethod(token)!.DeclaringType!), file);
            }
        }

        foreach (CustomDebugInformation info in pdb.CustomDebugInformation.Select(pdb.GetCustomDebugInformation))
        {
            if (pdb.GetGuid(info.Kind) == TypeDefinitionDocuments
                && PathWithin(MetadataTokens.DocumentHandle(pdb.GetBlobReader(info.Value).ReadCompressedInteger())) is string file)
            {
                _fileOfType.TryAdd(Outermost(assembly.ManifestModule.ResolveType(MetadataTokens.GetToken(info.Parent))), file);
            }
        }

        Types = [.. assembly.GetTypes().Where(type => FileOf(type) is not null)];

        string? PathWithin(DocumentHandle document)
        {
            string path = document.IsNil ? "" : pdb.GetString(pdb.GetDocument(document).Name).Replace('\\', '/');
            int start = path.IndexOf(folder, StringComparison.Ordinal);
            return start < 0 || path.Contains("/obj/", StringComparison.Ordinal) ? null : path[(start + folder.Length)..];
        }
    }

    /// <summary>The types declared in the folder, nested and compiler-generated ones included.</summary>
    internal IReadOnlyList<Type> Types { get; }

    /// <summary>The file, within the folder, that declares a type; null for a type from elsewhere.</summary>
    internal string? FileOf(Type type) => _fileOfType.GetValueOrDefault(Outermost(type));

    /// <summary>The files with a method that awaits.</summary>
    internal IEnumerable<string> FilesThatAwait() => Types.SelectMany(Methods)
        .Where(method => method.GetCustomAttribute<StateMachineAttribute>() is AsyncStateMachineAttribute or AsyncIteratorStateMachineAttribute)
        .Select(FileOf).Distinct();

    internal IEnumerable<Use> Uses() => Types.SelectMany(UsesOf).Distinct();

    private IEnumerable<Use> UsesOf(Type type)
    {
        IEnumerable<Type?> signature = [type.BaseType, .. type.GetInterfaces(), .. AttributesOf(type), .. Constraints(type)];
        signature = signature.Concat(type.GetFields(Everything).SelectMany(field => AttributesOf(field).Append(field.FieldType)));
        foreach (Type named in signature.SelectMany(Parts))
        {
            yield return new(FileOf(type)!, named);
        }

        foreach (MethodBase method in Methods(type))
        {
            foreach (MemberInfo target in SignatureOf(method).SelectMany(Parts).Concat(TouchedBy(method)))
            {
                yield return new(FileOf(method), target);
            }
        }
    }

    private static IEnumerable<Type?> SignatureOf(MethodBase method)
    {
        MethodBody? body = method.GetMethodBody();
        return
        [
            .. method.GetParameters().Select(parameter => parameter.ParameterType), (method as MethodInfo)?.ReturnType,
            .. AttributesOf(method), .. method.IsGenericMethodDefinition ? method.GetGenericArguments().SelectMany(Constraints) : [],
            .. body?.LocalVariables.Select(local => local.LocalType) ?? [],
            .. body?.ExceptionHandlingClauses.Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause).Select(clause => clause.CatchType) ?? [],
        ];
    }

    /// <summary>Every type, method and field that the method's code names, with the types these are made of.</summary>
    internal static IEnumerable<MemberInfo> TouchedBy(MethodBase method)
    {
        byte[] code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        Type[] typeArguments = method.DeclaringType!.GetGenericArguments();
        Type[] methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
        for (int at = 0; at < code.Length;)
        {
            OpCode opCode = OpCodeByValue[code[at] == 0xFE ? unchecked((short)(0xFE00 | code[at + 1])) : code[at]];
            at += opCode.Size;
            if (opCode.OperandType is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok)
            {
                MemberInfo member = method.Module.ResolveMember(BitConverter.ToInt32(code, at), typeArguments, methodArguments)!;
                IEnumerable<Type?> types = member as Type is Type type ? [type] : [member.DeclaringType];
                types = member is MethodInfo { IsGenericMethod: true } generic ? types.Concat(generic.GetGenericArguments()) : types;
                foreach (MemberInfo part in types.SelectMany(Parts).Append(member))
                {
                    yield return part;
                }
            }

            at += opCode.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, at),
                _ => 4,
            };
        }
    }

    /// <summary>The named types a type is made of: List&lt;Record[]&gt; is List and Record.</summary>
    private static IEnumerable<Type> Parts(Type? type) => type switch
    {
        null or { IsGenericParameter: true } => [],
        { HasElementType: true } => Parts(type.GetElementType()),
        { IsFunctionPointer: true } => [.. type.GetFunctionPointerParameterTypes().SelectMany(Parts), .. Parts(type.GetFunctionPointerReturnType())],
        { IsGenericType: true, IsGenericTypeDefinition: false } => [type.GetGenericTypeDefinition(), .. type.GetGenericArguments().SelectMany(Parts)],
        _ => [type],
    };

    private string FileOf(MethodBase method) => _fileOfMethod.GetValueOrDefault(method.MetadataToken) ?? FileOf(method.DeclaringType!)!;

    private static IEnumerable<MethodBase> Methods(Type type) => [.. type.GetMethods(Everything), .. type.GetConstructors(Everything)];

    private static IEnumerable<Type> AttributesOf(MemberInfo member) => member.GetCustomAttributesData().Select(attribute => attribute.AttributeType);

    private static IEnumerable<Type> Constraints(Type type) => type switch
    {
        { IsGenericParameter: true } => type.GetGenericParameterConstraints(),
        { IsGenericTypeDefinition: true } => type.GetGenericArguments().SelectMany(Constraints),
        _ => [],
    };

    private static Type Outermost(Type type)
    {
        while (type.DeclaringType is Type outer)
        {
            type = outer;
        }

        return type;
    }
}
