<#
.SYNOPSIS
Turns on course activities (isCourseActivitySyncEnabled) for a learning provider, or registers one with them on, which
only a person can do.

.DESCRIPTION
Shows the tenant's learning providers first, changes one flag of one provider or adds one, and reads it back; a second
run changes nothing. It asks you to sign in with a browser: as a Knowledge Administrator with a Viva Learning or Viva Suite licence.
Needs the module Microsoft.Graph.Authentication, not the Azure CLI, whose own sign-in cannot get the permission
LearningProvider.ReadWrite. -WhatIf changes nothing; -Confirm:$false does not ask.
Sources: https://learn.microsoft.com/graph/api/learningprovider-update
         https://learn.microsoft.com/graph/api/employeeexperience-post-learningproviders
Exit code: 0 the flag is on (or -WhatIf), 1 it is not, 2 wrong arguments.

.PARAMETER Provider
The learning provider's registration ID; not needed if there is only one.

.PARAMETER Tenant
The tenant's ID or domain; not needed if your account has only one.

.PARAMETER ClientId
Sign in to your own public client app instead of "Microsoft Graph Command Line Tools".

.PARAMETER Register
Register a learning provider of this name, with course activities on. It may belong to the app that you sign in to, so
give -ClientId if the function app acts as an application. With it, images that anybody can open (https):

.PARAMETER LongLogoDark
The long logo for the dark theme.

.PARAMETER LongLogoLight
The long logo for the light theme.

.PARAMETER SquareLogoDark
The square logo for the dark theme.

.PARAMETER SquareLogoLight
The square logo for the light theme.

.PARAMETER LoginUrl
Where people sign in to the provider; may be left out.

.PARAMETER UseDeviceCode
Sign in with a device code, where no browser can be opened.
#>
# Windows PowerShell 5.1 and PowerShell 7 both run it.
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
param(
    [string] $Provider = '',
    [string] $Tenant = 'organizations',
    # "Microsoft Graph Command Line Tools", which Connect-MgGraph uses by itself: nobody has to register an app.
    # Source: https://learn.microsoft.com/powershell/microsoftgraph/authentication-commands
    [string] $ClientId = '14d82eec-204b-4c2f-b7e8-296a70dab67e',
    [string] $Register = '',
    [string] $LongLogoDark = '',
    [string] $LongLogoLight = '',
    [string] $SquareLogoDark = '',
    [string] $SquareLogoLight = '',
    [string] $LoginUrl = '',
    [switch] $UseDeviceCode
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

$Graph = 'https://graph.microsoft.com/v1.0'
$Scope = 'LearningProvider.ReadWrite'
$ReadAttempts = 6
$ReadPauseSeconds = 5

function Stop-Script([string] $Message, [int] $Code = 1) {
    [Console]::Error.WriteLine($Message)
    exit $Code
}

function Test-Guid([string] $Text) { $Text -match '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' }

$problems = @()
if ($Provider -and -not (Test-Guid $Provider)) { $problems += "-Provider must be a GUID." }
if ($Tenant -notmatch '^[A-Za-z0-9][A-Za-z0-9.-]*$') { $problems += "-Tenant must be a tenant's ID or domain." }
if (-not (Test-Guid $ClientId)) { $problems += "-ClientId must be a GUID." }
$logos = $LongLogoDark, $LongLogoLight, $SquareLogoDark, $SquareLogoLight
function Test-Url([string] $Text) { $Text -match '^https://[^\s"\\]+$' }
if (-not $Register) {
    if ((-join $logos) + $LoginUrl) { $problems += "The logos and -LoginUrl need -Register." }
}
else {
    if ($Provider) { $problems += "Give either -Provider or -Register." }
    if ($Register -match '\p{Cc}') { $problems += "-Register must be a name in one line." }
    if (@($logos | Where-Object { -not (Test-Url $_) }).Count -gt 0) {
        $problems += "-Register needs all four logos, each a URL that begins with https."
    }
    if ($LoginUrl -and -not (Test-Url $LoginUrl)) { $problems += "-LoginUrl must be a URL that begins with https." }
}
if (-not (Get-Module -ListAvailable -Name Microsoft.Graph.Authentication)) {
    $problems += "The module Microsoft.Graph.Authentication was not found: Install-Module Microsoft.Graph.Authentication -Scope CurrentUser."
}
if ($problems) { Stop-Script ("Nothing was changed:`n  - " + ($problems -join "`n  - ")) 2 }

function Stop-WithReason([string] $Said) {
    switch -Regex ($Said) {
        'AADSTS65001|AADSTS90094|consent' {
            Stop-Script "The sign-in was not allowed the permission LearningProvider.ReadWrite. Somebody who may consent for the organization (a Cloud Application Administrator can) has to sign in here once and tick the consent."
        }
        'AADSTS530|AADSTS50005' { Stop-Script "A Conditional Access policy of your tenant blocked the sign-in." }
        'authorization_declined|access_denied|canceled' { Stop-Script "The sign-in was declined." }
        'expired_token' { Stop-Script "Nobody signed in in time. Run this script again." }
        'Forbidden|Unauthorized|accessDenied' {
            Stop-Script "Microsoft Graph refused. The account needs the role Knowledge Administrator and a Viva Learning or Viva Suite licence."
        }
        default { Stop-Script "The request failed: $Said" }
    }
}

function Invoke-Graph([string] $Method, [string] $Path, $Body = $null) {
    $request = @{ Method = $Method; Uri = "$Graph/employeeExperience/learningProviders$Path"; OutputType = 'HashTable' }
    if ($null -ne $Body) { $request.Body = $Body; $request.ContentType = 'application/json' }
    # The token stays inside the module.
    try { Invoke-MgGraphRequest @request }
    catch { Stop-WithReason "$_ $($_.ErrorDetails)" }
}

# ShouldProcess raises where it cannot ask, as in a pipeline.
function Test-Agreed([string] $Name, [string] $Question) {
    try { $PSCmdlet.ShouldProcess($Name, $Question) }
    catch { Stop-Script "Nobody answered, so nothing was changed. Without a terminal, add -Confirm:`$false." }
}

$signIn = @{ Scopes = $Scope; TenantId = $Tenant; ClientId = $ClientId; ContextScope = 'Process'; NoWelcome = $true }
if ($UseDeviceCode) { $signIn.UseDeviceCode = $true }
try { [void](Connect-MgGraph @signIn) }
catch { Stop-WithReason "$_" }

try {
    # A tenant has a handful of learning providers, so the first page holds all of them.
    $providers = @((Invoke-Graph GET '')['value'])
    if (-not $providers -and -not $Register) {
        Stop-Script "No learning provider is registered in this tenant. Register one first: https://learn.microsoft.com/graph/api/employeeexperience-post-learningproviders"
    }
    Write-Output "Learning providers (registration ID, course activities, name):"
    foreach ($one in $providers) {
        # What others named must not steer the terminal.
        $one['displayName'] = $one['displayName'] -replace '\p{C}', ''
        $state = if ($one['isCourseActivitySyncEnabled'] -eq $true) { 'on' } else { 'off' }
        Write-Output ('  {0}  {1,-3}  {2}' -f $one['id'], $state, $one['displayName'])
    }
    $chosen = @($providers | Where-Object {
        if ($Register) { $_['displayName'] -ceq $Register } else { -not $Provider -or $_['id'] -eq $Provider }
    })
    if (-not $Register) {
        if ($chosen.Count -gt 1) { Stop-Script "There are several: choose one with -Provider. Nothing was changed." 2 }
        if (-not $chosen) { Stop-Script "There is no learning provider $Provider in this tenant. Nothing was changed." 2 }
    }
    $id = ''
    $name = $Register
    $isOn = $false
    if ($chosen) {
        $id = $chosen[-1]['id']
        $name = $chosen[-1]['displayName']
        $isOn = $chosen[-1]['isCourseActivitySyncEnabled'] -eq $true
        if (-not (Test-Guid $id)) { Stop-Script "The learning provider has no usable ID: $id" }
    }
    $question = "Turn on course activities for ${name}?"
    if (-not $id) { $question = "Register the learning provider ${Register}?" }

    if ($isOn) {
        Write-Output "Course activities are on already for $name, so nothing was changed."
    }
    elseif (Test-Agreed $name $question) {
        if ($id) { [void](Invoke-Graph PATCH "/$id" '{"isCourseActivitySyncEnabled": true}') }
        else {
            $registration = @{
                displayName = $Register; isCourseActivitySyncEnabled = $true
                longLogoWebUrlForDarkTheme = $LongLogoDark; longLogoWebUrlForLightTheme = $LongLogoLight
                squareLogoWebUrlForDarkTheme = $SquareLogoDark; squareLogoWebUrlForLightTheme = $SquareLogoLight
            }
            if ($LoginUrl) { $registration.loginWebUrl = $LoginUrl }
            $id = (Invoke-Graph POST '' (ConvertTo-Json $registration))['id']
            if (-not (Test-Guid $id)) { Stop-Script "The learning provider has no usable ID: $id" }
            Write-Output "Registered the learning provider $Register."
        }
        for ($attempt = 1; (Invoke-Graph GET "/$id")['isCourseActivitySyncEnabled'] -ne $true; $attempt++) {
            if ($attempt -ge $ReadAttempts) {
                Stop-Script "Microsoft Graph took the change, but course activities are still off. Run this script again in a minute."
            }
            Start-Sleep -Seconds $ReadPauseSeconds
        }
        Write-Output "Course activities are on for $name, read back from Microsoft Graph."
    }
    elseif ($WhatIfPreference -and -not $id) {
        Write-Output "This was a dry run: $Register is not registered."
        exit 0
    }
    elseif ($WhatIfPreference) {
        Write-Output "This was a dry run: course activities stay off for $name."
        exit 0
    }
    else { Stop-Script "Nothing was changed." }
    Write-Output "The registration ID to use, as the app's default or in each request:"
    Write-Output "  LEARNING_PROVIDER_ID=$id"
}
finally { [void](Disconnect-MgGraph) }
