# Replacement variables for Set-OutlookSignatures, written by Bookings Atlas.
# It reads bookings-signatures.csv, which has to be in the same folder.
#
# Load it in your own file of replacement variables, below the line that loads the default ones:
#     . 'C:\path\to\bookings-replacement-variables.ps1'
#
# $CurrentMailboxBookingsUrl$          the address of the page, which opens for everyone; empty without a page
# $CurrentMailboxBookingsUrl-noempty$  a line break if there is a page; otherwise empty, so that no blank line remains
#
# The same two variables exist for CurrentUser, CurrentUserManager and CurrentMailboxManager.

$BookingsAtlasUrls = @{}
foreach ($BookingsAtlasRow in (Import-Csv -LiteralPath (Join-Path $PSScriptRoot 'bookings-signatures.csv') -Encoding UTF8)) {
    $BookingsAtlasUrls[$BookingsAtlasRow.UserPrincipalName] = $BookingsAtlasRow.AnonymousUrl
    $BookingsAtlasUrls[$BookingsAtlasRow.PrimarySmtpAddress] = $BookingsAtlasRow.AnonymousUrl
}

foreach ($BookingsAtlasWho in @('CurrentUser', 'CurrentUserManager', 'CurrentMailbox', 'CurrentMailboxManager')) {
    $BookingsAtlasMail = [string]$ReplaceHash['$' + $BookingsAtlasWho + 'Mail$']
    $BookingsAtlasUrl = ''
    if ($BookingsAtlasMail) { $BookingsAtlasUrl = [string]$BookingsAtlasUrls[$BookingsAtlasMail] }
    $BookingsAtlasBreak = ''
    if ($BookingsAtlasUrl) { $BookingsAtlasBreak = $(if ($UseHtmTemplates) { '<br>' } else { "`n" }) }
    $ReplaceHash['$' + $BookingsAtlasWho + 'BookingsUrl$'] = $BookingsAtlasUrl
    $ReplaceHash['$' + $BookingsAtlasWho + 'BookingsUrl-noempty$'] = $BookingsAtlasBreak
}
