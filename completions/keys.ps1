# Completion of keys in PowerShell 5.1 or newer. It asks keys itself, so it never goes stale.
Register-ArgumentCompleter -Native -CommandName keys -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
    $words += $wordToComplete.Trim("'", '"')

    $encoding = [Console]::OutputEncoding
    try {
        [Console]::OutputEncoding = [System.Text.Encoding]::UTF8
        # Through the environment, because PowerShell before 7.3 loses empty and quoted arguments.
        $env:KEYS_COMPLETE_WORDS = $words -join "`n"
        $answer = @(& (Get-Command keys -CommandType Application, ExternalScript | Select-Object -First 1) __complete 2>$null)
    } catch {
        return
    } finally {
        Remove-Item Env:KEYS_COMPLETE_WORDS -ErrorAction SilentlyContinue
        [Console]::OutputEncoding = $encoding
    }

    foreach ($line in $answer) {
        if ($line -eq "`tfiles") { return }
        $value, $about = $line -split "`t", 2
        $text = $value
        if ($value -notmatch '^[\p{L}\p{N}_./:+=-]+$') {
            $text = "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($value) + "'"
        }
        if (-not $about) { $about = $value }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $about)
    }
}
