<#
.SYNOPSIS
Grants the function app's managed identity the Microsoft Graph application permissions that it works with.

.DESCRIPTION
Shows what it would do before it does it, grants only what is missing, and reads it back; a second run changes nothing.
Run it signed in to the Azure CLI (az login) as a Privileged Role Administrator. -WhatIf grants nothing;
-Confirm:$false does not ask.
Source: https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments
Exit code: 0 everything is granted (or -WhatIf), 1 something is missing, 2 wrong arguments.

.PARAMETER PrincipalId
The identity's principal (object) ID. Without any identity, the one of the azd environment is taken.

.PARAMETER ResourceGroup
The identity's resource group, together with Identity.

.PARAMETER Identity
The identity's name.

.PARAMETER Only
Only for assignments, or only for self-initiated-courses.

.PARAMETER Also
Besides, what nobody needs who sends ids: people (to be named by e-mail address), employee-ids (by an employee id or a
secondary address), courses (by their id in the LMS); several with commas between them.
#>
# Windows PowerShell 5.1 and PowerShell 7 both run it.
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
param(
    [string] $PrincipalId = '',
    [string] $ResourceGroup = '',
    [string] $Identity = '',
    [string] $Only = '',
    [string[]] $Also = @()
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

$Graph = 'https://graph.microsoft.com/v1.0'
$GraphAppId = '00000003-0000-0000-c000-000000000000'
# What `azd provision` calls the identity among its outputs.
$AzdOutput = 'IDENTITY_PRINCIPAL_ID'
# Graph's lists lag behind its writes. Source: https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments
$ReadAttempts = 6
$ReadPauseSeconds = 5

# Source of the ids: https://learn.microsoft.com/graph/permissions-reference
$Roles = @(
    [pscustomobject]@{ Kind = 'assignments'; Name = 'LearningAssignedCourse.ReadWrite.All'; Id = '236c1cbd-1187-427f-b0f5-b1852454973b'; Purpose = 'creates, updates and deletes assignments' }
    [pscustomobject]@{ Kind = 'self-initiated-courses'; Name = 'LearningSelfInitiatedCourse.ReadWrite.All'; Id = '7654ed61-8965-4025-846a-0856ec02b5b0'; Purpose = 'creates, updates and deletes self-initiated courses' }
    [pscustomobject]@{ Kind = 'assignments'; Name = 'LearningAssignedCourse.Read.All'; Id = '535e6066-2894-49ef-ab33-e2c6d064bb81'; Purpose = 'looks up an assignment whose answer was lost, or that the app does not know' }
    [pscustomobject]@{ Kind = 'self-initiated-courses'; Name = 'LearningSelfInitiatedCourse.Read.All'; Id = '467524fc-ed22-4356-a910-af61191e3503'; Purpose = 'looks up a self-initiated course whose answer was lost, or that the app does not know' }
    # Only on request.
    [pscustomobject]@{ Kind = 'people'; Name = 'User.ReadBasic.All'; Id = '97235f07-e226-4f63-ace3-39588e11d3a1'; Purpose = 'finds people by their e-mail address' }
    [pscustomobject]@{ Kind = 'employee-ids'; Name = 'User.Read.All'; Id = 'df021288-bdef-4463-88db-98f22de89214'; Purpose = 'finds people by an employee id or a secondary e-mail address' }
    [pscustomobject]@{ Kind = 'courses'; Name = 'LearningContent.Read.All'; Id = '8740813e-d8aa-4204-860e-2a0f8f84dbc8'; Purpose = 'finds courses by the id that they have in the LMS' }
)
$Optional = 'people', 'employee-ids', 'courses'

function Stop-Script([string] $Message, [int] $Code = 1) {
    [Console]::Error.WriteLine($Message)
    exit $Code
}

function Test-Guid([string] $Text) { $Text -match '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' }

$problems = @()
if ($PrincipalId -and -not (Test-Guid $PrincipalId)) { $problems += "-PrincipalId must be a GUID." }
if ($PrincipalId -and ($ResourceGroup -or $Identity)) {
    $problems += "Give either -PrincipalId, or -ResourceGroup and -Identity."
}
elseif ($ResourceGroup -and -not $Identity) { $problems += "-ResourceGroup needs -Identity." }
elseif ($Identity -and -not $ResourceGroup) { $problems += "-Identity needs -ResourceGroup." }
if ($ResourceGroup -and $ResourceGroup -notmatch '^[\p{L}\p{N}_][\p{L}\p{N}_.()-]{0,89}$') {
    $problems += "-ResourceGroup must be the name of a resource group."
}
if ($Identity -and $Identity -notmatch '^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$') {
    $problems += "-Identity must be the name of a user-assigned managed identity."
}
if ($Only -notin '', 'assignments', 'self-initiated-courses') {
    $problems += "-Only must be assignments or self-initiated-courses."
}
# From another shell the list arrives as one text.
$Also = @($Also | ForEach-Object { $_ -split ',' })
if ($Also | Where-Object { $_ -notin $Optional }) {
    $problems += "-Also must be people, employee-ids or courses, or several of them with commas between them."
}
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    $problems += "The Azure CLI (az) was not found: install it, and sign in with az login."
}
if ($problems) { Stop-Script ("Nothing was granted:`n  - " + ($problems -join "`n  - ")) 2 }

function Stop-WithReason([string] $Said) {
    switch -Regex ($Said) {
        'Authorization_RequestDenied|Forbidden|Insufficient privileges' {
            Stop-Script "Microsoft Graph refused: you may not grant permissions. Sign in (az login) as a Privileged Role Administrator, or ask one to run this script."
        }
        'ResourceNotFound|Not Found' {
            Stop-Script "There is no such identity in this tenant. The principal (object) ID is needed, not the client ID; check the tenant, too: az account show."
        }
        'az login|AADSTS' { Stop-Script "The Azure CLI is not signed in, or has to sign in again: az login." }
        default { Stop-Script "The Azure CLI failed: $Said" }
    }
}

# Returns what az answered; what it complains of explains why this script ends, unless it matches Tolerate.
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
    $answer -join "`n"
}

if ($Identity) {
    $PrincipalId = (Invoke-Az @('identity', 'show', '--resource-group', $ResourceGroup, '--name', $Identity, '--query', 'principalId', '--output', 'tsv')).Trim()
}
elseif (-not $PrincipalId) {
    if (Get-Command azd -ErrorAction SilentlyContinue) {
        $PrincipalId = & { $ErrorActionPreference = 'Continue'; "$(azd env get-value $AzdOutput 2>$null)".Trim() }
    }
    if (-not (Test-Guid $PrincipalId)) {
        Stop-Script "No azure developer environment was found here. Run azd provision first, or give -PrincipalId, or -ResourceGroup and -Identity." 2
    }
}
if (-not (Test-Guid $PrincipalId)) { Stop-Script "The identity has no principal ID: $PrincipalId" }

$principal = Invoke-Az @('rest', '--method', 'GET', '--url', "$Graph/servicePrincipals/$PrincipalId") | ConvertFrom-Json
$principalName = $principal.displayName
if ($principal.servicePrincipalType -ne 'ManagedIdentity') {
    Stop-Script "$PrincipalId ($principalName) is no managed identity, so it cannot be the function app's."
}

# A space in the address makes PowerShell put quotation marks around it, which keeps cmd.exe, through which az runs on
# Windows, from reading it.
$found = @((Invoke-Az @('rest', '--method', 'GET', '--url', "$Graph/servicePrincipals?`$filter=appId eq '$GraphAppId'") | ConvertFrom-Json).value)
if (-not $found) { Stop-Script "Microsoft Graph was not found in this tenant." }
$graphId = $found[0].id

$wanted = @($Roles | Where-Object { if ($_.Kind -in $Optional) { $_.Kind -in $Also } else { -not $Only -or $_.Kind -eq $Only } })
foreach ($role in $wanted) {
    $offered = @($found[0].appRoles | Where-Object { $_.value -eq $role.Name -and $_.allowedMemberTypes -contains 'Application' })
    if (-not $offered -or $offered[0].id -ne $role.Id) {
        Stop-Script "Microsoft Graph does not offer $($role.Name) with the ID $($role.Id) in this tenant. Learning activities exist in the global cloud only."
    }
}

# Returns those of the wanted ones that the identity does not have. Asks for one page: it holds 100.
function Find-Missing {
    $answer = Invoke-Az @('rest', '--method', 'GET', '--url', "$Graph/servicePrincipals/$PrincipalId/appRoleAssignments") | ConvertFrom-Json
    $granted = @($answer.value | Where-Object { $_.resourceId -eq $graphId } | ForEach-Object { $_.appRoleId })
    $wanted | Where-Object { $granted -notcontains $_.Id }
}

function Show-Roles($Missing) {
    $missingIds = @($Missing | ForEach-Object { $_.Id })
    foreach ($role in $wanted) {
        $state = if ($missingIds -contains $role.Id) { 'missing' } else { 'granted' }
        Write-Output ('  {0,-8} {1} ({2})' -f $state, $role.Name, $role.Purpose)
    }
}

$missing = @(Find-Missing)
Write-Output "Microsoft Graph permissions of $principalName ($PrincipalId):"
Show-Roles $missing
if (-not $missing) { Write-Output "Nothing is missing, so nothing was changed."; exit 0 }
# It raises where it cannot ask, as in a pipeline.
try { $agreed = $PSCmdlet.ShouldProcess("$principalName ($PrincipalId)", "Grant what is missing?") }
catch { Stop-Script "Nobody answered, so nothing was granted. Without a terminal, add -Confirm:`$false." }
if (-not $agreed) {
    if ($WhatIfPreference) { Write-Output "This was a dry run: nothing was granted."; exit 0 }
    Stop-Script "Nothing was granted."
}

$body = [System.IO.Path]::GetTempFileName()
try {
    foreach ($role in $missing) {
        # By file, because no two shells agree on how quotation marks reach a program.
        $assignment = @{ principalId = $PrincipalId; resourceId = $graphId; appRoleId = $role.Id }
        [System.IO.File]::WriteAllText($body, ($assignment | ConvertTo-Json -Compress))
        [void](Invoke-Az @('rest', '--method', 'POST', '--url', "$Graph/servicePrincipals/$PrincipalId/appRoleAssignments", '--body', "@$body") -Tolerate 'already exists')
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
if ($missing) { Stop-Script "Something is still missing. Run this script again in a minute; if it stays so, look at the identity in the Entra admin center, Enterprise applications." }
Write-Output "Everything is granted."
Write-Output "Tokens are cached for up to 24 hours, and a restart does not renew them: until then the app may still answer graphPermissionMissing. GET /api/health names what its token lacks."
