namespace Segno.Cli;

/// <summary>Where the password of a PKCS#12 file comes from. Not from the command line if that can be helped: everybody on the machine can read those.</summary>
internal static class PfxPassword
{
    public const string Variable = "SEGNO_PFX_PASSWORD";

    /// <summary>Loads a file with the password that was given, in this order: as an option, in a file, in the environment; else without one; else with one that is asked for.</summary>
    /// <exception cref="CliException">It cannot be read or opened.</exception>
    public static TlsCertificate Load(string path, string? option, string? passwordPath, CliEnvironment environment)
    {
        if (option is not null)
        {
            environment.Warn($"--pfx-password shows the password to everybody on this machine; use --pfx-password-file or ${Variable}.");
            return Files.LoadPfx(path, option);
        }
        if (passwordPath is not null)
        {
            return Files.LoadPfx(path, Files.ReadFirstLine(passwordPath));
        }
        if (environment.Variable(Variable) is { } variable)
        {
            return Files.LoadPfx(path, variable);
        }
        try
        {
            return Files.LoadPfx(path, null);
        }
        catch (CliException exception) when (exception.InnerException is ArgumentException)
        {
            return environment.AskSecret?.Invoke($"Password of {path}:") is { } answer
                ? Files.LoadPfx(path, answer)
                : throw CliException.Usage($"{exception.Message} Its password can be given by --pfx-password-file or ${Variable}.", exception);
        }
    }
}
