<#
.SYNOPSIS
Assigns the app roles of this app to those who call it with Microsoft Entra ID: applications, managed identities and people.

.DESCRIPTION
Shows what it would do before it does it, assigns only what is missing, and reads it back; a second run changes nothing.
Run it signed in to the Azure CLI (az login) as a Cloud Application Administrator. -WhatIf assigns nothing;
-Confirm:$false does not ask.
Source: https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments
Exit code: 0 everything is assigned (or -WhatIf), 1 something is missing, 2 wrong arguments.

.PARAMETER Principals
Who gets them, with commas between: object IDs of people, applications and managed identities, or client IDs of
applications and managed identities.

.PARAMETER Role
Only Activities.Write, or only Failures.Manage.

.PARAMETER ApiClientId
Client ID of the application that callers ask a token for. Without it, the one of the azd environment is taken.
#>
# Windows PowerShell 5.1 and PowerShell 7 both run it.
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
param(
    [string] $Principals = '',
    [string] $Role = '',
    [string] $ApiClientId = ''
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

$Graph = 'https://graph.microsoft.com/v1.0'
# What `azd provision` calls the application among its outputs.
$AzdOutput = 'API_CLIENT_ID'
# Graph's lists lag behind its writes. Source: https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments
$ReadAttempts = 6
$ReadPauseSeconds = 5

# The role and what it lets its owner do; infra/modules/caller-authentication.bicep declares them.
$Roles = @(
    [pscustomobject]@{ Name = 'Activities.Write'; Purpose = 'creates activities and batches' }
    [pscustomobject]@{ Name = 'Failures.Manage'; Purpose = 'sees what was set aside, and puts it back' }
)

function Stop-Script([string] $Message, [int] $Code = 1) {
    [Console]::Error.WriteLine($Message)
    exit $Code
}

function Test-Guid([string] $Text) { $Text -match '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' }

$problems = @()
$ids = @($Principals -split ',' | ForEach-Object { $_.Trim() } | Where-Object { $_ })
if (-not $ids) { $problems += "-Principals must name who gets the roles." }
if (@($ids | Where-Object { -not (Test-Guid $_) })) { $problems += "-Principals must be GUIDs with commas between them." }
if ($ApiClientId -and -not (Test-Guid $ApiClientId)) { $problems += "-ApiClientId must be a GUID." }
if ($Role -notin '', 'Activities.Write', 'Failures.Manage') {
    $problems += "-Role must be Activities.Write or Failures.Manage."
}
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    $problems += "The Azure CLI (az) was not found: install it, and sign in with az login."
}
if ($problems) { Stop-Script ("Nothing was assigned:`n  - " + ($problems -join "`n  - ")) 2 }

function Stop-WithReason([string] $Said) {
    switch -Regex ($Said) {
        'Authorization_RequestDenied|Forbidden|Insufficient privileges' {
            Stop-Script "Microsoft Graph refused: you may not assign app roles. Sign in (az login) as a Cloud Application Administrator, or ask one to run this script."
        }
        'az login|AADSTS' { Stop-Script "The Azure CLI is not signed in, or has to sign in again: az login." }
        default { Stop-Script "The Azure CLI failed: $Said" }
    }
}

# Returns what az answered, or nothing where what it complains of matches Tolerate; anything else explains why this
# script ends.
function Invoke-Az([string[]] $Arguments, [string] $Tolerate = '') {
    # Windows PowerShell takes each line on standard error for an error of its own.
    $ErrorActionPreference = 'Continue'
    # A dry run would write no file either, and so hide what az complains of.
    $WhatIfPreference = $false
    $errors = [System.IO.Path]::GetTempFileName()
    try {
        $answer = & az @Arguments --only-show-errors 2>$errors
        $failed = $LASTEXITCODE -ne 0
        $said = [System.IO.File]::ReadAllText($errors)
    }
    finally { [System.IO.File]::Delete($errors) }
    if ($failed -and -not ($Tolerate -and $said -match $Tolerate)) { Stop-WithReason $said }
    if (-not $failed) { $answer -join "`n" }
}

if (-not $ApiClientId) {
    if (Get-Command azd -ErrorAction SilentlyContinue) {
        $ApiClientId = & { $ErrorActionPreference = 'Continue'; "$(azd env get-value $AzdOutput 2>$null)".Trim() }
    }
    if (-not (Test-Guid $ApiClientId)) {
        Stop-Script "No azure developer environment with ENTRA_AUTH was found here. Run azd provision first, or give -ApiClientId." 2
    }
}

# A space in the address makes PowerShell put quotation marks around it, which keeps cmd.exe, through which az runs on
# Windows, from reading it.
function Find-ByClientId([string] $ClientId) {
    @((Invoke-Az @('rest', '--method', 'GET', '--url', "$Graph/servicePrincipals?`$filter=appId eq '$ClientId'") | ConvertFrom-Json).value)
}

$api = @(Find-ByClientId $ApiClientId)
if (-not $api) { Stop-Script "There is no application with the client ID $ApiClientId in this tenant." }
$apiId = $api[0].id

# Returns where Graph keeps a principal, its object id and its name; nothing if it knows none.
function Find-Principal([string] $Id) {
    $found = @(Find-ByClientId $Id)
    if ($found) { return [pscustomobject]@{ Where = 'servicePrincipals'; Id = $found[0].id; Name = $found[0].displayName } }
    foreach ($kind in 'servicePrincipals', 'users') {
        $answer = Invoke-Az @('rest', '--method', 'GET', '--url', "$Graph/$kind/$Id") -Tolerate 'ResourceNotFound|Not Found'
        if ($answer) {
            $one = $answer | ConvertFrom-Json
            return [pscustomobject]@{ Where = $kind; Id = $one.id; Name = $one.displayName }
        }
    }
}

# One for each role of each principal.
$wanted = @()
foreach ($id in $ids) {
    $principal = Find-Principal $id
    if (-not $principal) {
        Stop-Script "There is no person, application or managed identity with the ID $id in this tenant; check it with az account show."
    }
    $name = $principal.Name -replace '[\p{C}|]', ''
    foreach ($one in @($Roles | Where-Object { -not $Role -or $_.Name -eq $Role })) {
        $offered = @($api[0].appRoles | Where-Object { $_.value -eq $one.Name })
        if (-not $offered) { Stop-Script "The application has no role $($one.Name): run azd provision again, with the newest files." }
        $wanted += [pscustomobject]@{ Where = $principal.Where; Id = $principal.Id; Name = $name; Role = $one.Name; RoleId = $offered[0].id; Purpose = $one.Purpose }
    }
}

# Returns those of the wanted ones that are not assigned. Asks for one page: it holds 100.
function Find-Missing {
    foreach ($one in $wanted) {
        $answer = Invoke-Az @('rest', '--method', 'GET', '--url', "$Graph/$($one.Where)/$($one.Id)/appRoleAssignments") | ConvertFrom-Json
        $assigned = @($answer.value | Where-Object { $_.resourceId -eq $apiId } | ForEach-Object { $_.appRoleId })
        if ($assigned -notcontains $one.RoleId) { $one }
    }
}

function Show-Roles($Missing) {
    foreach ($one in $wanted) {
        $state = if (@($Missing) -contains $one) { 'missing' } else { 'assigned' }
        Write-Output ('  {0,-8} {1} to {2} ({3}): {4}' -f $state, $one.Role, $one.Name, $one.Id, $one.Purpose)
    }
}

$missing = @(Find-Missing)
Write-Output "App roles of the application ${ApiClientId}:"
Show-Roles $missing
if (-not $missing) { Write-Output "Nothing is missing, so nothing was changed."; exit 0 }
# It raises where it cannot ask, as in a pipeline.
try { $agreed = $PSCmdlet.ShouldProcess($ApiClientId, "Assign what is missing?") }
catch { Stop-Script "Nobody answered, so nothing was assigned. Without a terminal, add -Confirm:`$false." }
if (-not $agreed) {
    if ($WhatIfPreference) { Write-Output "This was a dry run: nothing was assigned."; exit 0 }
    Stop-Script "Nothing was assigned."
}

$body = [System.IO.Path]::GetTempFileName()
try {
    foreach ($one in $missing) {
        # By file, because no two shells agree on how quotation marks reach a program.
        $assignment = @{ principalId = $one.Id; resourceId = $apiId; appRoleId = $one.RoleId }
        [System.IO.File]::WriteAllText($body, ($assignment | ConvertTo-Json -Compress))
        [void](Invoke-Az @('rest', '--method', 'POST', '--url', "$Graph/$($one.Where)/$($one.Id)/appRoleAssignments", '--body', "@$body") -Tolerate 'already exists')
    }
}
finally { [System.IO.File]::Delete($body) }

$missing = @(Find-Missing)
for ($attempt = 1; $missing -and $attempt -lt $ReadAttempts; $attempt++) {
    Start-Sleep -Seconds $ReadPauseSeconds
    $missing = @(Find-Missing)
}
Write-Output "Read back from Microsoft Graph:"
Show-Roles $missing
if ($missing) { Stop-Script "Something is still missing. Run this script again in a minute; if it stays so, look at the application in the Entra admin center, Enterprise applications, Users and groups." }
Write-Output "Everything is assigned."
Write-Output "A token that was given before has no role yet: people sign in again, applications ask for a new one, and that of a managed identity is kept for up to 24 hours."
