// What is watched from outside the app, and who hears of it. The queries are files of their own in ../queries.
import { AlertThresholds, Tags } from 'types.bicep'

@description('What makes names of this deployment its own.')
param token string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Id of the workspace that the queries read.')
param workspaceId string

@description('Id of the Application Insights component of the availability test.')
param applicationInsightsId string

@description('Who gets a mail.')
param emails string[]

@description('Address of the open health route.')
param healthUrl string

@description('From where on an alert fires.')
param thresholds AlertThresholds

// Each query answers with rows when there is something to tell, and reads its limit as `threshold`.
var rules = [
  {
    name: 'no-scan'
    enabled: thresholds.hoursWithoutScan > 0
    title: 'No scan has finished'
    // Asked of the logs, not of the app: its timer may have stopped while its routes go on.
    says: 'No scan has finished for ${thresholds.hoursWithoutScan} hours. docs/operate.md#alert-no-scan says what to do.'
    severity: 1
    every: 'PT1H'
    over: 'P2D'
    threshold: thresholds.hoursWithoutScan
    query: loadTextContent('../queries/no-scan.kql')
  }
  {
    name: 'scan-failed'
    enabled: true
    title: 'The last scan failed'
    says: 'The last scan ended as failed. docs/operate.md#alert-scan-failed says what to do.'
    severity: 2
    every: 'PT15M'
    over: 'P2D'
    threshold: 0
    query: loadTextContent('../queries/scan-failed.kql')
  }
  {
    name: 'unknown'
    enabled: true
    title: 'The last scan could not learn enough'
    says: 'More than ${thresholds.unknownPercent} percent of the users are unknown after the last scan. docs/operate.md#alert-unknown says what to do.'
    severity: 2
    every: 'PT1H'
    over: 'P2D'
    threshold: thresholds.unknownPercent
    query: loadTextContent('../queries/unknown.kql')
  }
  {
    name: 'throttled'
    enabled: true
    title: 'Bookings slows the scan down'
    says: 'Bookings held up more than ${thresholds.throttledPercent} percent of the last scan\'s probes. docs/operate.md#alert-throttled says what to do.'
    severity: 3
    every: 'PT1H'
    over: 'P2D'
    threshold: thresholds.throttledPercent
    query: loadTextContent('../queries/throttled.kql')
  }
  {
    name: 'failures'
    enabled: true
    title: 'Functions fail'
    says: 'More than ${thresholds.failuresPerHour} steps, functions or requests failed within an hour. docs/operate.md#alert-failures says what to do.'
    severity: 2
    every: 'PT15M'
    over: 'PT1H'
    threshold: thresholds.failuresPerHour
    query: loadTextContent('../queries/failures.kql')
  }
  {
    name: 'daily-cap'
    enabled: true
    title: 'Logs are being lost'
    says: 'The workspace reached its daily cap: no log is taken in until it is reset, so other alerts see nothing. docs/operate.md#alert-daily-cap says what to do.'
    severity: 2
    every: 'PT1H'
    over: 'P1D'
    threshold: 0
    query: loadTextContent('../queries/daily-cap.kql')
  }
]

// Three places four times an hour are enough for a route that a person seldom calls, and cost little.
var testPlaces = ['emea-nl-ams-azr', 'us-va-ash-azr', 'apac-sg-sin-azr']

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-atlas-${token}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'atlas'
    emailReceivers: [
      for (email, i) in emails: {
        name: 'mail-${i}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource queryRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'alert-atlas-${rule.name}-${token}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Bookings Atlas: ${rule.title}'
      description: rule.says
      severity: rule.severity
      enabled: rule.enabled
      scopes: [
        workspaceId
      ]
      evaluationFrequency: rule.every
      windowSize: rule.over
      criteria: {
        allOf: [
          {
            query: 'let threshold = ${rule.threshold};\n${rule.query}'
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      autoMitigate: true
      // On the first day the workspace may not know a table yet.
      skipQueryValidation: true
      actions: {
        actionGroups: [
          people.id
        ]
      }
    }
  }
]

resource healthTest 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'test-atlas-${token}'
  location: location
  // Application Insights finds its tests by this tag.
  tags: union(tags, { 'hidden-link:${applicationInsightsId}': 'Resource' })
  kind: 'standard'
  properties: {
    Name: 'Bookings Atlas health'
    SyntheticMonitorId: 'test-atlas-${token}'
    Kind: 'standard'
    Enabled: true
    Frequency: 900
    // A cold start is no outage.
    Timeout: 120
    RetryEnabled: true
    Locations: [
      for place in testPlaces: {
        Id: place
      }
    ]
    Request: {
      RequestUrl: healthUrl
      HttpVerb: 'GET'
      ParseDependentRequests: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 7
    }
  }
}

resource unavailable 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-atlas-availability-${token}'
  location: 'global'
  tags: tags
  properties: {
    description: 'The health route does not answer 200, from two places or more. docs/operate.md#alert-availability says what to do.'
    severity: 1
    enabled: true
    scopes: [
      healthTest.id
      applicationInsightsId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: healthTest.id
      componentId: applicationInsightsId
      failedLocationCount: 2
    }
    autoMitigate: true
    actions: [
      {
        actionGroupId: people.id
      }
    ]
  }
}
